//! Those that take part at any place, in their order: who is first is found without asking all of them, of whom there may be thousands.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::plan::facts::place::Place;
use crate::plan::ownership::Standing;

/// Region and project id.
pub(super) type RegionProject = (String, String);

/// Where an object stands.
pub(super) type Rank = (Arc<Place>, Arc<RegionProject>, Standing);

/// The ranks of all, in order.
#[derive(Default)]
pub(super) struct Ranks(BTreeSet<Arc<Rank>>);

impl Ranks {
    /// One stands elsewhere from now on.
    pub(super) fn replace(
        &mut self,
        former: Option<Arc<Rank>>,
        now: Option<Rank>,
    ) -> Option<Arc<Rank>> {
        if former.as_deref() == now.as_ref() {
            return former;
        }
        if let Some(former) = former {
            self.0.remove(&former);
        }
        let now = now.map(Arc::new);
        self.0.extend(now.clone());
        now
    }

    /// The first at a place.
    pub(super) fn first(&self, place: &Arc<Place>, project: &Arc<RegionProject>) -> Option<&Rank> {
        let least = (Arc::clone(place), Arc::clone(project), Standing::least());
        let first = self.0.range::<Rank, _>(least..).next()?;
        ((&first.0, &first.1) == (place, project)).then_some(first)
    }
}
