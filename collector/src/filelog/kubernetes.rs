//! What a container's log file says by its path of whose it is.
//!
//! The kubelet writes `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart>.log`, to which the links in
//! `/var/log/containers` lead; Docker writes `…/containers/<id>/<id>-json.log`.

use std::path::Path;

/// Hexadecimal digits of a container's id.
const ID_DIGITS: usize = 64;

/// Resource attributes, and the service of lines that name none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) resource: Vec<(String, String)>,
    pub(super) service: Option<String>,
}

pub(super) fn whose(path: &Path) -> Whose {
    of_pod(path).or_else(|| of_docker(path)).unwrap_or_default()
}

fn of_pod(path: &Path) -> Option<Whose> {
    let mut parts = path.to_str()?.rsplit('/');
    let (file, container, pod, pods) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // A rotated one has its time behind the number: `0.log.20261122-100000`.
    let restart = file.split('.').next().filter(|number| number.parse::<u32>().is_ok())?;
    let mut pod = pod.split('_');
    let (namespace, name, uid) = (pod.next()?, pod.next()?, pod.next()?);
    if pods != "pods" || pod.next().is_some() || [container, namespace, name, uid].contains(&"") {
        return None;
    }
    let resource = [
        ("k8s.namespace.name", namespace),
        ("k8s.pod.name", name),
        ("k8s.pod.uid", uid),
        ("k8s.container.name", container),
        ("k8s.container.restart_count", restart),
    ];
    let resource = resource.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    Some(Whose { resource, service: Some(container.to_owned()) })
}

fn of_docker(path: &Path) -> Option<Whose> {
    let mut parts = path.to_str()?.rsplit('/');
    let (file, id) = (parts.next()?, parts.next()?);
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id || !file.starts_with(id) {
        return None;
    }
    Some(Whose { resource: vec![("container.id".to_owned(), id.to_owned())], service: None })
}

#[cfg(test)]
mod tests;
