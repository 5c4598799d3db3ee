//! The controller: observe, plan, act, record. The only place that uses both `live` and `cluster`.
