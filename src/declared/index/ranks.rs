//! Those that take part at any place, in their order: who is first is found without asking all of them, of whom there may be thousands.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::plan::facts::place::Place;
use crate::plan::ownership::Standing;

/// Project id, and the address through which it is called. Ids of projects are unique; a region is a word beside them.
pub(super) type ProjectAddress = (String, String);

/// Where an object stands.
pub(super) type Rank = (Arc<Place>, Arc<ProjectAddress>, Standing);

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
    pub(super) fn first(&self, place: &Arc<Place>, project: &Arc<ProjectAddress>) -> Option<&Rank> {
        let first = self.first_from(place, project)?;
        ((&first.0, &first.1) == (place, project)).then_some(first)
    }

    /// The addresses through which somebody wants a place of this project.
    pub(super) fn addresses(
        &self,
        place: &Arc<Place>,
        project_id: &str,
    ) -> Vec<Arc<ProjectAddress>> {
        let mut found = Vec::new();
        let mut least = Arc::new((project_id.to_owned(), String::new()));
        while let Some((at, address, _)) = self.first_from(place, &least)
            && at == place
            && address.0 == project_id
        {
            found.push(Arc::clone(address));
            // The least address behind this one.
            least = Arc::new((project_id.to_owned(), format!("{}\0", address.1)));
        }
        found
    }

    fn first_from(&self, place: &Arc<Place>, project: &Arc<ProjectAddress>) -> Option<&Rank> {
        let least = (Arc::clone(place), Arc::clone(project), Standing::least());
        self.0
            .range::<Rank, _>(least..)
            .next()
            .map(|first| &**first)
    }
}
