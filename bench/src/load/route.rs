//! What one request of the shop calls: the tree in `routes.txt`, parsed.

/// One kind of request, its spans in pre-order.
#[derive(Debug)]
pub(super) struct Route {
    /// Its share among all requests, relative to the others.
    pub weight: usize,
    pub steps: Vec<Step>,
}

/// One span of a route.
#[derive(Debug)]
pub(super) struct Step {
    pub kind: StepKind,
    /// An index into `Shop::SERVICES`.
    pub service: usize,
    pub name: String,
    /// An earlier step of the same route.
    pub parent: Option<usize>,
    pub depth: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    Server,
    Client,
    Database,
    Internal,
    Producer,
    Consumer,
}

impl StepKind {
    fn from_word(word: &str) -> Option<StepKind> {
        Some(match word {
            "server" => StepKind::Server,
            "client" => StepKind::Client,
            "db" => StepKind::Database,
            "internal" => StepKind::Internal,
            "producer" => StepKind::Producer,
            "consumer" => StepKind::Consumer,
            _ => return None,
        })
    }
}

/// Reads the routes; `None` if the text is not in the form that its own first lines describe.
pub(super) fn parse(text: &str, services: &[&str]) -> Option<Vec<Route>> {
    let mut routes: Vec<Route> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(weight) = line.strip_prefix("route ") {
            routes.push(Route { weight: weight.parse().ok()?, steps: Vec::new() });
            continue;
        }
        let steps = &mut routes.last_mut()?.steps;
        let step = parse_step(line, steps, services)?;
        steps.push(step);
    }
    Some(routes)
}

fn parse_step(line: &str, earlier: &[Step], services: &[&str]) -> Option<Step> {
    let depth = line.bytes().take_while(|byte| *byte == b' ').count() / 2;
    let mut words = line.trim_start().splitn(3, ' ');
    let kind = StepKind::from_word(words.next()?)?;
    let service = words.next()?;
    let service = services.iter().position(|known| *known == service)?;
    let parent = match depth {
        0 => None,
        _ => Some(earlier.iter().rposition(|step| step.depth == depth - 1)?),
    };
    Some(Step { kind, service, name: words.next()?.to_owned(), parent, depth })
}
