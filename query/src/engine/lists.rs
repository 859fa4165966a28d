//! Records page by page, fields and their values, services, peers, live records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use spandrel_store::filter::Field;
use spandrel_store::snapshot::FieldInfo;
use spandrel_store::{Filter, Level};
use tokio::time::{Instant, timeout_at};

use super::gather::Share;
use super::{About, Answer, Engine, Rejected, Scope};
use crate::coverage::{Absence, Coverage};
use crate::federation::Identity;
use crate::language::UNKNOWN_SERVICE;
use crate::source::{
    Aside, CountQuestion, Description, FieldsQuestion, Followed, Peer, Question, SourceError, Standing,
    ValuesQuestion,
};

/// A service and how many records of it match; records that name none are those of [`UNKNOWN_SERVICE`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ServiceCounts {
    pub name: String,
    pub spans: u64,
    pub logs: u64,
    /// Spans and logs of level error and above.
    pub errors: u64,
}

/// A peer and what it said of itself.
#[derive(Debug)]
pub struct PeerState {
    pub peer: Peer,
    /// Who answered, whatever name it is called by.
    pub identity: Option<Identity>,
    pub state: Result<Description, SourceError>,
    pub standing: Option<Standing>,
}

/// Everybody that is known.
#[derive(Debug, Default)]
pub struct PeerList {
    pub states: Vec<PeerState>,
    /// Listed, and not asked.
    pub aside: Vec<Aside>,
    /// Not there any more.
    pub absent: Vec<Absence>,
}

impl Engine {
    /// The attributes that records have, sorted.
    pub async fn fields(&self, about: &About) -> Result<Answer<Vec<FieldInfo>>, Rejected> {
        let fields_max = self.limits.list_max;
        let mut asking = self.asking(about.scope).await;
        let ask = |about: Question| FieldsQuestion { fields_max, deadline: about.deadline };
        let bodies =
            asking.gather_about(Share::All, about, |source, about| source.fields(ask(about))).await?;
        let fields: BTreeSet<FieldInfo> = bodies.into_iter().flatten().collect();
        if fields.len() >= fields_max {
            asking.warnings.push(format!("there are more than {fields_max} fields; not all are listed"));
        }
        Ok(asking.answer(fields.into_iter().take(fields_max).collect()))
    }

    /// The values of a field among the matching records, most frequent first.
    pub async fn values(&self, about: &About, field: &Field) -> Result<Answer<Vec<(String, u64)>>, Rejected> {
        let values_max = self.limits.list_max;
        let mut asking = self.asking(about.scope).await;
        let ask = |about| ValuesQuestion { about, field: field.clone(), values_max };
        let bodies =
            asking.gather_about(Share::All, about, |source, about| source.values(ask(about))).await?;
        if bodies.iter().any(|values| values.truncated) {
            asking
                .warnings
                .push("there are more values than could be counted; not all are listed".to_owned());
        }
        let mut counts: HashMap<String, u64> = HashMap::new();
        for (value, count) in bodies.into_iter().flat_map(|values| values.values) {
            *counts.entry(value).or_default() += count;
        }
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        values.truncate(values_max);
        Ok(asking.answer(values))
    }

    /// The services of the matching records, by name.
    pub async fn services(&self, about: &About) -> Result<Answer<Vec<ServiceCounts>>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let by = [Field::Service, Field::Type, Field::Level];
        // One step for all times.
        let (step_ns, groups_max) = (u64::MAX, self.limits.histogram_points_max);
        let ask = |about| CountQuestion { about, step_ns, origin_ns: 0, by: by.to_vec(), groups_max };
        let bodies =
            asking.gather_about(Share::All, about, |source, about| source.histogram(ask(about))).await?;
        let mut services: BTreeMap<String, ServiceCounts> = BTreeMap::new();
        for series in bodies.into_iter().flatten() {
            let [name, Some(kind), level] = series.key.as_slice() else { continue };
            let name = name.as_deref().filter(|name| !name.is_empty()).unwrap_or(UNKNOWN_SERVICE);
            let count: u64 = series.points.iter().map(|(_, count)| count).sum();
            let level = level.as_deref().and_then(Level::from_text);
            let service = services.entry(name.to_owned()).or_default();
            name.clone_into(&mut service.name);
            match kind.as_str() {
                "span" => service.spans += count,
                _ => service.logs += count,
            }
            service.errors += if level >= Some(Level::Error) { count } else { 0 };
        }
        Ok(asking.answer(services.into_values().collect()))
    }

    /// Every source with what it says of itself, and who else is known.
    pub async fn peers(&self, scope: Scope) -> Answer<PeerList> {
        let roster = self.roster.load_full();
        let deadline = Instant::now() + self.limits.query_timeout;
        let asked = roster.sources.iter().filter(|source| scope.includes(source.as_ref()));
        let states = futures_util::future::join_all(asked.map(async |source| {
            let answer = timeout_at(deadline, source.describe(deadline)).await;
            (source, answer.unwrap_or(Err(SourceError::Deadline)))
        }));
        let mut coverage = Coverage::new(0);
        let mut list = PeerList::default();
        for (source, answer) in states.await {
            let peer = source.peer();
            coverage.asked += usize::from(!matches!(answer, Err(SourceError::Itself)));
            let mut identity = roster.identity.filter(|_| peer.local);
            let state = match answer {
                Ok(reply) => {
                    coverage.answered();
                    identity = reply.identity.or(identity);
                    let gaps = reply.gaps.into_iter().map(|gap| Absence::of_gap(peer.clone(), gap));
                    let beyond = reply.beyond.into_iter().flat_map(|beyond| beyond.missing);
                    gaps.chain(beyond).for_each(|absence| coverage.absent(absence));
                    Ok(reply.body)
                }
                Err(error) => {
                    if error != SourceError::Itself {
                        coverage.failed(peer.clone(), &error);
                    }
                    Err(error)
                }
            };
            list.states.push(PeerState { peer, identity, state, standing: source.standing() });
        }
        if scope == Scope::All {
            roster.absent.iter().for_each(|absence| coverage.absent(absence.clone()));
            list.absent.clone_from(&roster.absent);
            list.aside.clone_from(&roster.aside);
        }
        Answer { body: list, coverage, warnings: Vec::new(), held: Vec::new() }
    }

    /// The matching records of everybody who is asked, from now on.
    pub fn tail(&self, filter: &Filter, scope: Scope) -> Followed {
        let roster = self.roster.clone();
        let listed = move || {
            let roster = roster.load();
            roster.sources.iter().filter(|source| scope.includes(source.as_ref())).cloned().collect()
        };
        Followed::new(Box::new(listed), filter.clone())
    }
}
