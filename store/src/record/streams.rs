//! Which attributes of a resource tell streams of logs apart: those that say where logs are from and have few values.
//!
//! It is Loki's default list of the attributes that become labels. What is pushed under such a label gets the
//! attribute's name back, and what is asked for by it is looked for in the attribute; both sides rely on this list, and
//! on a label's name telling which of the attributes is meant.

pub const STREAM_ATTRIBUTES: [&str; 18] = [
    "service.name",
    "service.namespace",
    "service.instance.id",
    "deployment.environment",
    "deployment.environment.name",
    "cloud.region",
    "cloud.availability_zone",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.container.name",
    "container.name",
    "k8s.replicaset.name",
    "k8s.deployment.name",
    "k8s.statefulset.name",
    "k8s.daemonset.name",
    "k8s.cronjob.name",
    "k8s.job.name",
];

#[cfg(test)]
mod tests;
