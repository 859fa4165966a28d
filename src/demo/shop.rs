//! The shop: fifteen services, each with its own way of logging.

use opentelemetry::KeyValue;

/// A service of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Gateway,
    Auth,
    Catalog,
    Search,
    Recommendations,
    Cart,
    Pricing,
    Inventory,
    Orders,
    Payment,
    BankAdapter,
    Fraud,
    Shipping,
    Notifications,
    Invoices,
}

/// How a service's logs reach the sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logging {
    /// Through the OpenTelemetry SDK.
    Otlp,
    /// As JSON lines, in the shape of one of these loggers.
    Pino,
    Logback,
    Structlog,
    Zap,
}

impl Service {
    pub const ALL: [Service; 15] = [
        Service::Gateway,
        Service::Auth,
        Service::Catalog,
        Service::Search,
        Service::Recommendations,
        Service::Cart,
        Service::Pricing,
        Service::Inventory,
        Service::Orders,
        Service::Payment,
        Service::BankAdapter,
        Service::Fraud,
        Service::Shipping,
        Service::Notifications,
        Service::Invoices,
    ];

    pub fn named(name: &str) -> Option<Service> {
        Service::ALL.into_iter().find(|service| service.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Service::Gateway => "gateway",
            Service::Auth => "auth",
            Service::Catalog => "catalog",
            Service::Search => "search",
            Service::Recommendations => "recommendations",
            Service::Cart => "cart",
            Service::Pricing => "pricing",
            Service::Inventory => "inventory",
            Service::Orders => "orders",
            Service::Payment => "payment",
            Service::BankAdapter => "bank-adapter",
            Service::Fraud => "fraud",
            Service::Shipping => "shipping",
            Service::Notifications => "notifications",
            Service::Invoices => "invoices",
        }
    }

    pub fn logging(self) -> Logging {
        match self {
            Service::Payment => Logging::Pino,
            Service::Shipping => Logging::Logback,
            Service::Notifications => Logging::Structlog,
            Service::BankAdapter => Logging::Zap,
            _ => Logging::Otlp,
        }
    }

    /// The pod that runs it: always the same one, so that the same seed makes the same records.
    pub fn pod(self) -> String {
        let number = self
            .name()
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        format!("{}-{:05x}", self.name(), number & 0xf_ffff)
    }

    /// What its records say of where they come from.
    pub fn resource(self) -> Vec<KeyValue> {
        vec![
            KeyValue::new("service.name", self.name()),
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("service.version", "1.4.2"),
            KeyValue::new("service.instance.id", self.pod()),
            KeyValue::new("k8s.pod.name", self.pod()),
            KeyValue::new("deployment.environment.name", "demo"),
        ]
    }
}
