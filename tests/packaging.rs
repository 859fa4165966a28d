//! What can be known about `docker/` without an engine: that the files say nothing that the repository, the
//! configuration or the command line does not know.

#![allow(clippy::unwrap_used, reason = "clippy takes only functions marked #[test] for tests")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spandrel_config::{Config, LogFormat, Secret};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&text(path)).unwrap()
}

/// The instructions of a Dockerfile, continued lines joined, comments left out.
fn instructions(path: &str) -> Vec<(String, String)> {
    let lines: Vec<String> =
        text(path).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split =
        |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(split).collect()
}

/// The arguments of all instructions of one kind.
fn all(instructions: &[(String, String)], kind: &str) -> Vec<String> {
    instructions.iter().filter(|(word, _)| word == kind).map(|(_, rest)| rest.clone()).collect()
}

/// The words of an instruction's JSON form, possibly behind its options.
fn words(instruction: &str) -> Vec<String> {
    serde_json::from_str(&instruction[instruction.find('[').unwrap()..]).unwrap()
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Runs the binary with the words of a command and `--help`: it refuses flags and commands that it has not.
fn assert_is_a_command(words: &[String]) {
    let (program, arguments) = words.split_first().unwrap();
    assert!(matches!(program.as_str(), "spandrel" | "/usr/local/bin/spandrel"), "{words:?}");
    let run = Command::new(env!("CARGO_BIN_EXE_spandrel")).args(arguments).arg("--help").output().unwrap();
    assert!(run.status.success(), "{words:?}: {}", String::from_utf8_lossy(&run.stderr));
}

/// What the builder gets to see of the repository, by `.dockerignore`: all is excluded but the `!` lines.
fn is_sent(path: &str) -> bool {
    let ignore = text(".dockerignore");
    assert!(ignore.lines().any(|line| line == "*"));
    let kept = |kept: &str| path == kept || path.starts_with(&format!("{kept}/"));
    ignore.lines().filter_map(|line| line.strip_prefix('!')).any(kept)
}

#[test]
fn every_copied_file_is_there_and_is_sent_to_the_builder() {
    for (file, context) in [("docker/Dockerfile", ""), ("docker/example/Dockerfile", "docker/example")] {
        let copies = all(&instructions(file), "COPY");
        assert!(!copies.is_empty());
        for copy in copies.iter().filter(|copy| !copy.starts_with("--from")) {
            let sources: Vec<&str> = copy.split_whitespace().collect();
            for source in &sources[..sources.len() - 1] {
                assert!(root().join(context).join(source).exists(), "{file} copies {source}");
                assert!(!context.is_empty() || is_sent(source), ".dockerignore keeps {source} out");
            }
        }
    }
}

#[test]
fn the_image_builds_from_every_crate_of_the_workspace() {
    let copies = all(&instructions("docker/Dockerfile"), "COPY");
    let manifest = text("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    for member in serde_json::from_str::<Vec<String>>(members).unwrap() {
        assert!(copies.contains(&format!("{member} {member}")), "the image lacks {member}");
    }
}

#[test]
fn the_image_runs_as_nobody_and_keeps_its_folder() {
    let image = instructions("docker/Dockerfile");
    assert_eq!(all(&image, "USER"), ["65532:65532"]);
    assert_eq!(words(&all(&image, "VOLUME")[0]), ["/var/lib/spandrel"]);
    let owned = "--chown=65532:65532 /out/var/lib/spandrel /var/lib/spandrel";
    assert!(all(&image, "COPY").iter().any(|copy| copy.ends_with(owned)));
}

#[test]
fn the_image_exposes_the_default_ports() {
    let config = Config::default();
    let otlp = &config.receivers.otlp;
    let ports = [otlp.grpc.unwrap().port(), otlp.http.unwrap().port(), config.query.endpoint.port()];
    let exposed = all(&instructions("docker/Dockerfile"), "EXPOSE");
    assert_eq!(exposed, [ports.map(|port| port.to_string()).join(" ")]);
}

#[test]
fn the_images_commands_are_the_binarys() {
    let image = instructions("docker/Dockerfile");
    let whole = [words(&all(&image, "ENTRYPOINT")[0]), words(&all(&image, "CMD")[0])].concat();
    assert!(all(&image, "COPY").iter().any(|copy| copy.ends_with(&whole[3])), "{} is not copied", whole[3]);
    assert_is_a_command(&whole);
    assert_is_a_command(&words(&all(&image, "HEALTHCHECK")[0]));
}

/// The configuration that the image ends up with under these variables.
fn image_config(variables: &HashMap<String, String>) -> Config {
    let file = PathBuf::from(root()).join("docker/spandrel.yaml");
    Config::load(Some(&file), &[], &|name| variables.get(name).cloned()).unwrap()
}

#[test]
fn the_images_configuration_is_the_defaults_on_its_own_folder() {
    let mut expected = Config::load(None, &[], &|_| None).unwrap();
    expected.storage.directory = "/var/lib/spandrel".into();
    expected.telemetry.logs.format = LogFormat::Json;
    assert_eq!(image_config(&HashMap::new()), expected);
}

#[test]
fn the_images_configuration_follows_its_variables() {
    let variables = [
        ("SPANDREL_QUERY_ENDPOINT", "0.0.0.0:7317"),
        ("SPANDREL_TOKEN", "0123"),
        ("SPANDREL_PEERS", r#"["payment:7317"]"#),
        ("SPANDREL_RETENTION_MAX_AGE", "24h"),
    ];
    let config = image_config(&variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(config.query.endpoint.to_string(), "0.0.0.0:7317");
    assert_eq!(config.security.token, Some(Secret("0123".to_owned())));
    assert_eq!(config.federation.peers, ["payment:7317"]);
    assert_eq!(config.storage.retention.max_age.as_secs(), 24 * 3600);
}

/// The variables that a file sets are the image's own, or OpenTelemetry's.
fn assert_known(variable: &str) {
    let known = ["SPANDREL_URL", "POD_IP"].contains(&variable)
        || text("docker/spandrel.yaml").contains(&format!("${{env:{variable}:-"));
    assert!(known, "docker/spandrel.yaml does not read {variable}");
}

/// Files of Compose with sidecars in them: the demo's shop, and services of one's own.
const COMPOSED: [&str; 2] = ["docker/compose.yaml", "docker/compose.example.yaml"];

/// The services of a file, and of the files that it includes.
fn composed(path: &str) -> serde_json::Map<String, Value> {
    let compose = yaml(path);
    let mut services = compose["services"].as_object().unwrap().clone();
    let included = compose.get("include").map(list).unwrap_or_default();
    for included in included {
        let more = yaml(&format!("docker/{included}"))["services"].as_object().unwrap().clone();
        for (name, service) in more {
            assert!(services.insert(name.clone(), service).is_none(), "{name} is there twice");
        }
    }
    services
}

/// The sidecars of a file, each with the name of the service whose namespace it is in.
fn sidecars(path: &str) -> Vec<(String, Value)> {
    let services = yaml(path)["services"].as_object().unwrap().clone();
    let within =
        |service: &Value| Some(service["network_mode"].as_str()?.strip_prefix("service:")?.to_owned());
    services.values().filter_map(|service| Some((within(service)?, service.clone()))).collect()
}

/// The services of the demo's shop, as the binary names them.
fn shop() -> Vec<String> {
    let run =
        Command::new(env!("CARGO_BIN_EXE_spandrel")).args(["demo", "--service", "none"]).output().unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    let (_, names) = said.trim_end().split_once("it has ").unwrap_or_else(|| panic!("{said}"));
    names.split(", ").map(str::to_owned).collect()
}

/// Where sidecars of the shop are asked.
fn shop_addresses() -> Vec<String> {
    let mut addresses: Vec<String> =
        sidecars("docker/compose.yaml").into_iter().map(|(service, _)| format!("{service}:7317")).collect();
    addresses.sort();
    addresses
}

#[test]
fn the_compose_file_brings_up_the_demos_shop_each_service_with_its_sidecar() {
    let services = composed("docker/compose.yaml");
    for name in shop() {
        let service = &services[&format!("shop-{name}")];
        assert_eq!(list(&service["command"]), ["demo", "--service", &name]);
        assert_is_a_command(&[vec!["spandrel".to_owned()], list(&service["command"])].concat());
        assert_eq!(services[&format!("sidecar-{name}")]["network_mode"], format!("service:shop-{name}"));
    }
    assert_eq!(sidecars("docker/compose.yaml").len(), shop().len());
}

#[test]
fn the_compose_file_brings_up_a_gateway_prometheus_and_grafana_that_find_the_shop() {
    let services = composed("docker/compose.yaml");
    // Who scrapes finds all that are there.
    let mut wanted = shop_addresses();
    wanted.push("gateway:7317".to_owned());
    wanted.sort();
    let scraped = yaml("config/grafana/prometheus.yaml");
    for job in scraped["scrape_configs"].as_array().unwrap() {
        let mut targets = list(&job["static_configs"][0]["targets"]);
        targets.sort();
        assert_eq!(targets, wanted);
        if let Some(file) = job["authorization"]["credentials_file"].as_str() {
            let secret = file.strip_prefix("/run/secrets/").unwrap();
            assert!(list(&services["prometheus"]["secrets"]).contains(&secret.to_owned()));
            assert_eq!(
                yaml("docker/compose.grafana.yaml")["secrets"][secret]["environment"],
                "SPANDREL_TOKEN"
            );
        }
    }
    let asked = &services["grafana"]["environment"]["SPANDREL_URL"];
    assert_eq!(asked, "http://gateway:7317");
    for volume in list(&services["grafana"]["volumes"]) {
        assert!(root().join("docker").join(volume.split_once(':').unwrap().0).exists(), "{volume}");
    }
}

#[test]
fn composed_services_depend_on_those_that_are_there() {
    for path in COMPOSED {
        let services = composed(path);
        for service in services.values() {
            for needed in service["depends_on"].as_array().into_iter().flatten() {
                assert!(services.contains_key(needed.as_str().unwrap()), "{path}: {needed}");
            }
        }
    }
}

#[test]
fn the_compose_files_put_each_sidecar_into_its_services_namespace() {
    for path in COMPOSED {
        let compose = yaml(path);
        let mut volumes = Vec::new();
        for (service, sidecar) in sidecars(path) {
            assert_eq!(sidecar["build"]["dockerfile"], "docker/Dockerfile");
            // A container in another's namespace has no ports of its own to publish.
            assert!(sidecar["ports"].is_null() && sidecar["networks"].is_null());
            let service = &compose["services"][&service];
            let published = service.get("ports").map(list).unwrap_or_default();
            assert!(published.iter().all(|port| port.starts_with("127.0.0.1:")), "{published:?}");
            for volume in list(&sidecar["volumes"]) {
                let (name, folder) = volume.split_once(':').unwrap();
                assert!(compose["volumes"].as_object().unwrap().contains_key(name));
                assert_eq!(folder, "/var/lib/spandrel");
                volumes.push(name.to_owned());
            }
        }
        // No two of them, nor one and the gateway, write to the same folder.
        let count = volumes.len();
        volumes.sort();
        volumes.dedup();
        assert!(count > 0 && volumes.len() == count && !volumes.contains(&"gateway".to_owned()), "{path}");
    }
}

#[test]
fn the_compose_files_variables_make_a_valid_configuration() {
    for (_, sidecar) in COMPOSED.into_iter().flat_map(sidecars) {
        let mut variables = HashMap::new();
        for (name, value) in sidecar["environment"].as_object().unwrap() {
            assert_known(name);
            let value = value.as_str().unwrap();
            let value = if value.starts_with("${") { "token" } else { value };
            variables.insert(name.clone(), value.to_owned());
        }
        let config = image_config(&variables);
        assert!(config.query.endpoint.ip().is_unspecified() && config.security.token.is_some());
    }
    // Those of one's own services ask each other.
    let example = sidecars("docker/compose.example.yaml");
    let peers = example.iter().map(|(service, _)| format!("{service}:7317"));
    for (_, sidecar) in &example {
        let asked: Vec<String> =
            serde_json::from_str(sidecar["environment"]["SPANDREL_PEERS"].as_str().unwrap()).unwrap();
        assert!(peers.clone().all(|peer| asked.contains(&peer)), "{asked:?}");
    }
}

#[test]
fn the_compose_files_builds_are_there() {
    let services = COMPOSED.into_iter().flat_map(|path| composed(path).into_values().collect::<Vec<_>>());
    for service in services.filter(|service| service["image"].is_null()) {
        let build = &service["build"];
        let context = build.as_str().or(build["context"].as_str()).unwrap();
        let file = build["dockerfile"].as_str().unwrap_or("Dockerfile");
        assert!(root().join("docker").join(context).join(file).exists(), "{context} {file}");
    }
}

/// The manifests of a service with its sidecar.
const SIDECARS: [&str; 4] = [
    "docker/kubernetes.yaml",
    "docker/kubernetes-container.yaml",
    "docker/kubernetes-statefulset.yaml",
    "docker/kubernetes-hostpath.yaml",
];

/// The objects of a manifest, by kind and name.
fn objects(path: &str) -> HashMap<(String, String), Value> {
    let text = text(path);
    let objects = text.split("\n---\n").map(|object| serde_saphyr::from_str::<Value>(object).unwrap());
    let name = |object: &Value, key: &str| object.pointer(key).unwrap().as_str().unwrap().to_owned();
    objects.map(|object| ((name(&object, "/kind"), name(&object, "/metadata/name")), object)).collect()
}

/// The sidecar of a manifest, its pod, and the object that makes such pods.
fn kubernetes(path: &str) -> (Value, Value, Value) {
    let maker = objects(path).into_values().find(|object| !object["spec"]["template"].is_null()).unwrap();
    let pod = maker["spec"]["template"]["spec"].clone();
    let containers = ["initContainers", "containers"].iter().filter_map(|kind| pod[kind].as_array());
    let sidecar = containers.flatten().find(|container| container["name"] == "spandrel").unwrap().clone();
    (sidecar, pod, maker)
}

#[test]
fn the_pods_probes_run_the_binary_itself() {
    for path in SIDECARS {
        let (sidecar, ..) = kubernetes(path);
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_is_a_command(&list(&sidecar[probe]["exec"]["command"]));
        }
    }
}

#[test]
fn the_pods_variables_make_a_valid_configuration() {
    SIDECARS.into_iter().for_each(check_variables);
}

fn check_variables(path: &str) {
    let (sidecar, ..) = kubernetes(path);
    let mut variables = HashMap::new();
    for variable in sidecar["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        assert_known(name);
        let value = match &variable["value"] {
            Value::String(value) => value.replace("$(POD_IP)", "10.0.0.7"),
            _ => "from-elsewhere".to_owned(),
        };
        variables.insert(name.to_owned(), value);
    }
    let config = match sidecar["args"].is_null() {
        true => image_config(&variables),
        false => configured(&sidecar["args"], &variables),
    };
    assert_eq!(config.query.endpoint.to_string(), "10.0.0.7:7317");
    assert_eq!(variables["SPANDREL_URL"], format!("http://{}", config.query.endpoint));
    assert!(config.security.token.is_some() && !config.security.insecure);
    // Off the pod's address there are only the receivers, and they stay on loopback.
    assert!(config.receivers.otlp.grpc.unwrap().ip().is_loopback());
}

#[test]
fn the_pods_sidecar_has_no_privileges_and_a_place_for_its_folder() {
    for path in SIDECARS {
        let (sidecar, pod, maker) = kubernetes(path);
        let is_native = path != "docker/kubernetes-container.yaml";
        assert_eq!(sidecar["restartPolicy"] == "Always", is_native, "{path}");
        assert_eq!(sidecar["ports"][0]["containerPort"], Config::default().query.endpoint.port());
        let security = &sidecar["securityContext"];
        assert_eq!(security["runAsUser"], 65532);
        assert_eq!(
            (&security["readOnlyRootFilesystem"], &security["runAsNonRoot"]),
            (&true.into(), &true.into())
        );
        let mount = &sidecar["volumeMounts"][0];
        assert_eq!(mount["mountPath"], "/var/lib/spandrel");
        let volumes = pod["volumes"].as_array().into_iter().flatten().map(|volume| &volume["name"]);
        let claims = maker["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten();
        let mut places = volumes.chain(claims.map(|claim| &claim["metadata"]["name"]));
        assert!(places.any(|place| *place == mount["name"]), "{path}");
        // A folder of the node belongs to root, whatever the pod's group.
        assert!(pod["securityContext"]["fsGroup"] == 65532 || path.ends_with("hostpath.yaml"), "{path}");
        let limits = &sidecar["resources"]["limits"];
        assert!(limits["memory"].is_string() && limits["ephemeral-storage"].is_string(), "{path}");
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 15, "{path}");
    }
}

#[test]
fn what_a_volume_holds_is_less_than_its_size() {
    let gibibytes =
        |text: &str| text.trim_end_matches('B').strip_suffix("Gi").unwrap().parse::<u64>().unwrap();
    for path in SIDECARS {
        let (sidecar, pod, maker) = kubernetes(path);
        let variables = sidecar["env"].as_array().unwrap();
        let kept =
            variables.iter().find(|variable| variable["name"] == "SPANDREL_RETENTION_MAX_BYTES").unwrap();
        let kept = gibibytes(kept["value"].as_str().unwrap());
        let size = [
            &pod["volumes"][0]["emptyDir"]["sizeLimit"],
            &maker["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"],
        ];
        if let Some(size) = size.iter().find_map(|size| size.as_str()) {
            assert!(kept < gibibytes(size), "{path}: {kept} GiB in {size}");
        }
    }
}

#[test]
fn every_sidecar_is_found_by_the_gateway_and_guarded_by_its_policy() {
    let service = gateway_object("Service", "spandrel-sidecars")["spec"].clone();
    let policy = gateway_object("NetworkPolicy", "spandrel-sidecars")["spec"].clone();
    for path in SIDECARS {
        let (.., maker) = kubernetes(path);
        let labels = &maker["spec"]["template"]["metadata"]["labels"];
        assert_has(labels, &service["selector"]);
        assert_has(labels, &policy["podSelector"]["matchLabels"]);
        assert_has(labels, &maker["spec"]["selector"]["matchLabels"]);
    }
}

fn gateway_object(kind: &str, name: &str) -> Value {
    objects("docker/kubernetes-gateway.yaml")
        .remove(&(kind.to_owned(), name.to_owned()))
        .unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The configuration that an image started with these arguments and variables has.
fn configured(arguments: &Value, variables: &HashMap<String, String>) -> Config {
    let arguments = list(arguments);
    assert_eq!(arguments[..3], ["run", "--config", "/etc/spandrel/spandrel.yaml"]);
    let sets: Vec<String> = arguments[3..].iter().filter(|word| *word != "--set").cloned().collect();
    let file = root().join("docker/spandrel.yaml");
    Config::load(Some(&file), &sets, &|name| variables.get(name).cloned()).unwrap()
}

#[test]
fn the_clusters_gateway_has_no_store_and_looks_its_peers_up_in_the_headless_service() {
    let pod = gateway_object("Deployment", "spandrel-gateway")["spec"]["template"]["spec"].clone();
    let gateway = &pod["containers"][0];
    let mut variables = HashMap::new();
    for variable in gateway["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        assert_known(name);
        let value = variable["value"].as_str().unwrap_or("from-elsewhere").replace("$(POD_IP)", "10.0.0.7");
        variables.insert(name.to_owned(), value);
    }
    let config = configured(&gateway["args"], &variables);
    assert!(!config.storage.enabled && !config.receivers.otlp.enabled);
    assert!(config.security.token.is_some() && !config.security.insecure);
    assert_eq!(variables["SPANDREL_URL"], format!("http://{}", config.query.endpoint));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_is_a_command(&list(&gateway[probe]["exec"]["command"]));
    }
    assert_eq!(gateway["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(pod["serviceAccountName"], "spandrel-gateway");
    gateway_object("ServiceAccount", "spandrel-gateway");

    // The name that is looked up is the headless service's, which finds the pods of the other manifest.
    let (service, port) = config.federation.dns[0].rsplit_once(':').unwrap();
    let service = gateway_object("Service", service);
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(service["spec"]["ports"][0]["port"].to_string(), port);
    let sidecar = yaml("docker/kubernetes.yaml")["spec"]["template"]["metadata"]["labels"].clone();
    assert_has(&sidecar, &service["spec"]["selector"]);
}

/// Whether labels have everything that a selector asks for.
fn assert_has(labels: &Value, selector: &Value) {
    let selector = selector.as_object().unwrap();
    assert!(
        !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value),
        "{selector:?}"
    );
}

#[test]
fn only_the_gateway_may_ask_the_clusters_sidecars() {
    let gateway = gateway_object("Deployment", "spandrel-gateway")["spec"]["template"]["metadata"].clone();
    let sidecar = yaml("docker/kubernetes.yaml")["spec"]["template"]["metadata"]["labels"].clone();
    let policy = gateway_object("NetworkPolicy", "spandrel-sidecars")["spec"].clone();
    assert_has(&sidecar, &policy["podSelector"]["matchLabels"]);
    let allowed = &policy["ingress"][0];
    assert_has(&gateway["labels"], &allowed["from"][0]["podSelector"]["matchLabels"]);
    assert_eq!(allowed["ports"][0]["port"], Config::default().query.endpoint.port());
    assert_has(&gateway["labels"], &gateway_object("Service", "spandrel")["spec"]["selector"]);
    let service = gateway_object("NetworkPolicy", "orders")["spec"].clone();
    assert_has(&sidecar, &service["podSelector"]["matchLabels"]);
}

#[test]
fn the_composed_gateway_asks_every_sidecar_by_the_name_of_its_service() {
    let gateway = yaml("docker/compose.gateway.yaml")["services"]["gateway"].clone();
    let mut variables = HashMap::new();
    for (name, value) in gateway["environment"].as_object().unwrap() {
        assert_known(name);
        let value = value.as_str().unwrap();
        variables.insert(name.clone(), if value.starts_with("${") { "token" } else { value }.to_owned());
    }
    let config = configured(&gateway["command"], &variables);
    assert!(!config.storage.enabled && config.security.token.is_some());
    let mut peers = config.federation.peers;
    peers.sort();
    assert_eq!(peers, shop_addresses());
}

#[test]
fn the_gateways_configuration_is_one() {
    let file = root().join("config/gateway.yaml");
    let config = Config::load(Some(&file), &[], &|_| None).unwrap();
    assert!(!config.storage.enabled && !config.receivers.otlp.enabled);
}
