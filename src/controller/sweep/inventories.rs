//! How long ago the callbacks of each project were compared, and how many of them belong to no object: what an alert asks. Of several
//! accounts of a project the one counts that is furthest behind: what it was to compare no other one compares.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use crate::controller::account::SharedAccount;
use crate::controller::context::Context;
use crate::controller::memory::comparison::{LastComparison, SweptProject};
use crate::controller::store::{KeptObject, ObjectStore};
use crate::live::looks::Inventory;
use crate::metrics::ProjectInventory;

/// What a sweep shows of the project: be it only at the domains that objects name, since of a large one no more is ever listed.
pub(super) fn swept(
    context: &Context,
    account: &SharedAccount,
    inventory: &Inventory,
) -> Arc<SweptProject> {
    let is_known = context.serves_all && inventory.complete;
    let unmanaged = is_known.then(|| {
        let rows = inventory.rows.iter();
        rows.filter(|row| !context.index.is_held(&row.id)).count()
    });
    let target = account.target();
    Arc::new(SweptProject {
        region: target.region.clone(),
        project_id: target.project_id.clone(),
        unmanaged,
    })
}

/// Sets the gauges of the projects in which objects are compared.
pub(super) async fn tell(context: &Context, stores: &[ObjectStore]) {
    let mut projects = BTreeMap::new();
    let objects = stores.iter().flat_map(ObjectStore::all);
    for object in objects.filter(|object| object.is_compared) {
        consume_budget().await;
        let LastComparison { at, project } = comparison(context, &object);
        let Some(project) = project else {
            continue;
        };
        let name = (project.region.clone(), project.project_id.clone());
        let told = projects.entry(name).or_insert(ProjectInventory {
            compared: at,
            unmanaged: None,
        });
        told.compared = told.compared.min(at);
        told.unmanaged = told.unmanaged.max(project.unmanaged);
    }
    context.metrics.set_inventories(projects);
}

/// When an object was last compared, and where. One that was not since the start counts from when it was first asked for here.
fn comparison(context: &Context, object: &KeptObject) -> LastComparison {
    let memories = &context.memories;
    if let Some(known) = memories.with(&object.uid, |memory| memory.comparison.clone()) {
        return known;
    }
    let first = LastComparison {
        at: Instant::now(),
        project: home(object).map(Arc::new),
    };
    memories.with(&object.uid, |memory| {
        memory.comparison.get_or_insert(first).clone()
    })
}

/// Where an object's callback is, as its status says. Without one it is nowhere until a sweep has shown it.
fn home(object: &KeptObject) -> Option<SweptProject> {
    if !object.has_id {
        return None;
    }
    let target = object.unpack().status.as_ref()?.target.clone()?;
    Some(SweptProject {
        region: target.region,
        project_id: target.project_id,
        unmanaged: None,
    })
}
