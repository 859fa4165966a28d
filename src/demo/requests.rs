//! The requests that customers make, and what goes wrong in some of them.

use opentelemetry::trace::SpanKind;

use super::shop::Service;
use super::story::{Level, Plan, Story};

/// What happens in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Browse,
    SlowSearch,
    Checkout,
    CheckoutAfterRetry,
    PoolExhausted,
    LabelLost,
}

/// The first requests are one of each, the ones worth looking at before the others.
const FIRST: [Kind; 5] =
    [Kind::PoolExhausted, Kind::LabelLost, Kind::CheckoutAfterRetry, Kind::SlowSearch, Kind::Checkout];

impl Kind {
    /// What the `index`th request of the day is about.
    pub fn of(index: usize, random: &mut fastrand::Rng) -> Kind {
        if let Some(kind) = FIRST.get(index) {
            return *kind;
        }
        match random.u8(0..100) {
            0..50 => Kind::Browse,
            50..55 => Kind::SlowSearch,
            55..85 => Kind::Checkout,
            85..91 => Kind::CheckoutAfterRetry,
            91..96 => Kind::PoolExhausted,
            _ => Kind::LabelLost,
        }
    }

    /// Why someone would look at it; `None` where all is well.
    pub fn worth_a_look(self) -> Option<&'static str> {
        match self {
            Kind::Browse | Kind::Checkout => None,
            Kind::SlowSearch => Some("a search waits for a slow query of the catalog's database"),
            Kind::CheckoutAfterRetry => Some("a checkout succeeds after the bank's first answer was lost"),
            Kind::PoolExhausted => Some("a checkout fails: payment has no connection left"),
            Kind::LabelLost => Some("an order is paid and never sent; only a log tells"),
        }
    }

    pub fn fails(self) -> bool {
        matches!(self, Kind::PoolExhausted | Kind::LabelLost)
    }

    pub fn tell(self, random: &mut fastrand::Rng) -> Plan {
        let mut story = Story::new(random);
        match self {
            Kind::Browse => browse(&mut story, 12),
            Kind::SlowSearch => browse(&mut story, 2_300),
            _ => checkout(&mut story, self),
        }
        story.end()
    }
}

fn browse(story: &mut Story<'_>, query_ms: u64) {
    let customer = story.random.u32(1_000..2_000);
    story.serve(Service::Gateway, "GET", "/products", |story| {
        story.set("user.id", i64::from(customer));
        log_in(story);
        story.call(Service::Search, "GET", "/search", |story| {
            story.spend(4);
            story.call(Service::Catalog, "GET", "/products", |story| {
                story.query("SELECT * FROM products WHERE title ILIKE $1", query_ms);
                if query_ms > 1_000 {
                    story.log(Level::Warn, "slow query: sequential scan on products").with("db.rows", 48_210);
                }
                200
            });
            let hits = story.random.u32(3..40);
            story.log(Level::Info, format!("{hits} products found")).with("search.hits", i64::from(hits));
            200
        });
        story.call(Service::Recommendations, "GET", "/recommendations", |story| {
            story.log(Level::Debug, "model answered from its cache");
            story.spend(9);
            200
        });
        story.call(Service::Pricing, "POST", "/prices", |story| {
            story.spend(5);
            200
        });
        story.log(Level::Info, "GET /products 200").with("user.id", i64::from(customer));
        200
    });
}

fn checkout(story: &mut Story<'_>, kind: Kind) {
    let order = story.random.u32(4_000..9_999);
    story.serve(Service::Gateway, "POST", "/checkout", |story| {
        story.set("order.id", i64::from(order));
        log_in(story);
        story.call(Service::Cart, "GET", "/cart", |story| {
            story.query("SELECT * FROM carts WHERE customer = $1", 3);
            200
        });
        let status = story.call(Service::Orders, "POST", "/orders", |story| place_order(story, kind, order));
        let level = if status >= 500 { Level::Error } else { Level::Info };
        let answer = if status >= 500 { 500 } else { 201 };
        story.log(level, format!("POST /checkout {answer}")).with("order.id", i64::from(order));
        answer
    });
}

fn log_in(story: &mut Story<'_>) {
    story.call(Service::Auth, "POST", "/sessions/verify", |story| {
        story.spend(2);
        200
    });
}

fn place_order(story: &mut Story<'_>, kind: Kind, order: u32) -> u16 {
    story.set("order.id", i64::from(order));
    story.log(Level::Info, format!("order {order} received")).with("order.id", i64::from(order));
    story.call(Service::Pricing, "POST", "/totals", |story| {
        story.spend(6);
        200
    });
    story.call(Service::Inventory, "POST", "/reservations", |story| {
        story.query("UPDATE stock SET reserved = reserved + $1 WHERE sku = $2", 7);
        story.log(Level::Info, "2 items reserved").with("order.id", i64::from(order));
        201
    });
    let paid = story.call(Service::Payment, "POST", "/charges", |story| charge(story, kind, order));
    if paid >= 500 {
        story.log(Level::Error, format!("order {order} not placed: payment answered {paid}"));
        return 502;
    }
    story.query("INSERT INTO orders VALUES ($1, $2, $3)", 5);
    hand_over(story, kind, order);
    201
}

fn charge(story: &mut Story<'_>, kind: Kind, order: u32) -> u16 {
    story.set("order.id", i64::from(order));
    story.call(Service::Fraud, "POST", "/scores", |story| {
        story.spend(11);
        story.log(Level::Debug, "score 0.03, below the threshold");
        200
    });
    if kind == Kind::PoolExhausted {
        return charge_without_connection(story, order);
    }
    story.work(Service::Payment, SpanKind::Internal, "charge-card", |story| {
        story.query("INSERT INTO charges VALUES ($1, $2)", 4);
        if kind == Kind::CheckoutAfterRetry {
            lose_first_answer(story);
        }
        story.call(Service::BankAdapter, "POST", "/authorizations", |story| {
            story.spend(45);
            story.log(Level::Info, "authorized").with("order.id", i64::from(order));
            201
        });
        story.log(Level::Info, format!("order {order} charged")).with("order.id", i64::from(order));
    });
    201
}

/// The settlement job holds every connection; the charge waits for one and gives up.
fn charge_without_connection(story: &mut Story<'_>, order: u32) -> u16 {
    story.work(Service::Payment, SpanKind::Internal, "charge-card", |story| {
        story.work(Service::Payment, SpanKind::Internal, "pool.acquire", |story| {
            story.set("db.client.connection.pool.name", "payment-primary");
            story.log(Level::Warn, "waiting for a connection: 20 of 20 held by settlement-worker");
            story.wait(250);
            let message = "connection pool exhausted: none free after 250 ms";
            let stack = "PoolTimeoutError: connection pool exhausted: none free after 250 ms\n    \
                         at Pool.acquire (/app/node_modules/tarn/dist/Pool.js:188:15)\n    \
                         at Client.acquireConnection (/app/node_modules/knex/lib/client.js:312:38)\n    \
                         at chargeCard (/app/src/charges.js:74:22)\n    \
                         at process.processTicksAndRejections (node:internal/process/task_queues:95:5)";
            let exception = story.raise("PoolTimeoutError", message, stack);
            let log = story.log(Level::Error, message).with("order.id", i64::from(order));
            log.exception = Some(exception);
            story.fail(message);
        });
        story.fail("no connection to the database");
    });
    503
}

fn lose_first_answer(story: &mut Story<'_>) {
    story.work(Service::Payment, SpanKind::Client, "POST", |story| {
        story.set("http.request.method", "POST");
        story.set("server.address", Service::BankAdapter.name());
        story.set("error.type", "timeout");
        story.wait(300);
        story.fail("no answer within 300 ms");
    });
    story.log(Level::Warn, "bank-adapter did not answer, second attempt").with("attempt", 2);
    story.spend(20);
}

/// What happens after the customer has an answer: consumers of the order's message.
fn hand_over(story: &mut Story<'_>, kind: Kind, order: u32) {
    let sent = story.work(Service::Orders, SpanKind::Producer, "send orders.placed", |story| {
        message(story, "send", order);
        story.spend(2);
    });
    consume(story, Service::Shipping, sent, order, |story| print_label(story, kind, order));
    consume(story, Service::Invoices, sent, order, |story| {
        story.query("INSERT INTO invoices VALUES ($1)", 4);
        story.log(Level::Info, format!("invoice for order {order} written"));
    });
    consume(story, Service::Notifications, sent, order, |story| {
        story.spend(14);
        story.log(Level::Info, "confirmation mailed").with("order.id", i64::from(order));
    });
}

/// The label's printer refuses, the code swallows it, no span says so: only the log does.
fn print_label(story: &mut Story<'_>, kind: Kind, order: u32) {
    story.work(Service::Shipping, SpanKind::Internal, "print-label", |story| {
        story.spend(20);
        if kind != Kind::LabelLost {
            story.log(Level::Info, "label printed").with("order.id", i64::from(order));
            return;
        }
        let exception = super::story::PlannedException {
            at: std::time::Duration::ZERO,
            kind: "shop.shipping.CarrierException",
            message: "carrier refused the parcel: postal code 00000 unknown".to_owned(),
            stack: "shop.shipping.CarrierException: carrier refused the parcel: postal code 00000 unknown\n\
                    \tat shop.shipping.CarrierClient.book(CarrierClient.java:118)\n\
                    \tat shop.shipping.LabelService.print(LabelService.java:61)\n\
                    \tat shop.shipping.OrderListener.onPlaced(OrderListener.java:33)"
                .to_owned(),
        };
        let log = story.log(Level::Error, format!("no label for order {order}, parcel set aside"));
        log.with("order.id", i64::from(order)).exception = Some(exception);
    });
}

fn consume<'a>(
    story: &mut Story<'a>,
    consumer: Service,
    sent: usize,
    order: u32,
    within: impl FnOnce(&mut Story<'a>),
) {
    story.aside(sent, |story| {
        story.spend(8);
        story.work(consumer, SpanKind::Consumer, "process orders.placed", |story| {
            story.link(sent);
            message(story, "process", order);
            within(story);
        });
    });
}

fn message(story: &mut Story<'_>, operation: &'static str, order: u32) {
    story.set("messaging.system", "kafka");
    story.set("messaging.destination.name", "orders.placed");
    story.set("messaging.operation.type", operation);
    story.set("order.id", i64::from(order));
}
