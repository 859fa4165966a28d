"""What `docker/` holds is what Kubernetes and Compose take: each file against their schemas, unknown keys refused."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

DOCKER = Path(__file__).parents[2] / "docker"
KUBERNETES = sorted(DOCKER.glob("kubernetes*.yaml"))
COMPOSE = sorted(DOCKER.glob("compose*.yaml"))
# Native sidecars are there from 1.29 on; a container with restartPolicy is what older ones do not know.
VERSIONS = ["1.29", "1.37"]


def objects(text):
    return [found for found in yaml.safe_load_all(text) if found is not None]


def check(found, version):
    kubernetes_validate.validate(found, version, strict=True)


def test_there_is_something_to_check():
    assert len(KUBERNETES) >= 5 and len(COMPOSE) >= 3


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_takes_the_manifest(path, version):
    for found in objects(path.read_text()):
        check(found, version)


@pytest.mark.parametrize("version", ["1.25"])
def test_an_older_kubernetes_takes_the_ordinary_container(version):
    for found in objects((DOCKER / "kubernetes-container.yaml").read_text()):
        check(found, version)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_compose_takes_the_file(path):
    # The checker knows nothing of YAML's merge keys, which Compose does.
    merged = yaml.safe_dump(yaml.safe_load(path.read_text()))
    assert PyCompose.from_yaml(merged).service_names()


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("clusterIP: None", "clusterIp: None"),
        ("failureThreshold: 60", "failureThreshold: often"),
        ("policyTypes: [Ingress]", "policyTypes: Ingress"),
    ],
)
def test_mistakes_in_a_manifest_are_found(right, wrong):
    text = (DOCKER / "kubernetes-gateway.yaml").read_text()
    assert right in text
    with pytest.raises(kubernetes_validate.ValidationError):
        for found in objects(text.replace(right, wrong, 1)):
            check(found, VERSIONS[-1])


@pytest.mark.parametrize("right, wrong", [("mem_limit: 256m", "mem_limits: 256m"), ("cap_drop: [ALL]", "cap_drop: 5")])
def test_mistakes_in_a_compose_file_are_found(right, wrong):
    text = (DOCKER / "compose.gateway.yaml").read_text()
    assert right in text
    with pytest.raises(ValueError):
        PyCompose.from_yaml(text.replace(right, wrong, 1))
