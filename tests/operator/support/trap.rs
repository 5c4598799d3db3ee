//! A trap in the way of an operator's calls: it counts them, and stops the process at the one it was set for.

use std::{
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use live_simulator::{CallPhase, ScriptedFault, Simulator};

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The API server; only writes count.
    ApiServer,
    /// The cloud; every call counts.
    Cloud,
}

/// Where in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has left the operator. A killed operator's call is then lost, a stopped one's is carried out.
    Before,
    /// It was carried out, and its answer has not been sent.
    After,
}

/// A place where a process can die: the `number`-th call of a side, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) side: Side,
    pub(crate) number: usize,
    pub(crate) moment: Moment,
}

/// What happens to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// `kill -9`
    Kill,
    /// `kill -STOP`
    Stop,
}

/// Counts calls from the moment it is set.
#[derive(Default)]
pub(crate) struct Trap {
    state: Mutex<TrapState>,
    sprung: AtomicBool,
}

#[derive(Default)]
struct TrapState {
    set: Option<(Point, Blow, u32)>,
    api_server: Vec<String>,
    /// Number in the cloud's log, and what it was.
    cloud: Vec<(u64, String)>,
}

impl Trap {
    /// A trap that sees the calls of this cloud.
    pub(crate) fn before(cloud: &Simulator) -> Arc<Self> {
        let trap = Arc::new(Self::default());
        let seen = Arc::clone(&trap);
        cloud.on_call(move |phase, call| {
            if call.operation.is_live() {
                seen.cloud(phase, call.seq, &format!("{:?}", call.operation));
            }
        });
        trap
    }

    /// Counts anew and does nothing.
    pub(crate) fn count(&self) {
        *self.state() = TrapState::default();
        self.sprung.store(false, Ordering::SeqCst);
    }

    /// Counts anew, and strikes this process at this point.
    pub(crate) fn set(&self, point: Point, blow: Blow, process: u32, cloud: &Simulator) {
        self.count();
        if (point.side, point.moment, blow) == (Side::Cloud, Moment::Before, Blow::Kill) {
            let number = u32::try_from(point.number).unwrap();
            cloud.fault(ScriptedFault::any().nth(number).lose_call());
        }
        self.state().set = Some((point, blow, process));
    }

    /// Whether it has struck.
    pub(crate) fn has_sprung(&self) -> bool {
        self.sprung.load(Ordering::SeqCst)
    }

    /// The points at which a process can be struck, by what was counted.
    pub(crate) fn points(&self) -> Vec<Point> {
        let state = self.state();
        let sides = [
            (Side::ApiServer, state.api_server.len()),
            (Side::Cloud, state.cloud.len()),
        ];
        let numbered = sides
            .into_iter()
            .flat_map(|(side, count)| (1..=count).map(move |number| (side, number)));
        numbered
            .flat_map(|(side, number)| {
                [Moment::Before, Moment::After].map(|moment| Point {
                    side,
                    number,
                    moment,
                })
            })
            .collect()
    }

    /// What was counted, for people.
    pub(crate) fn describe(&self) -> String {
        let state = self.state();
        let cloud: Vec<&str> = state.cloud.iter().map(|(_, what)| what.as_str()).collect();
        format!(
            "API server: {}; cloud: {}",
            state.api_server.join(", "),
            cloud.join(", ")
        )
    }

    /// A write is on its way to the API server. Its number, and whether it is lost here.
    pub(crate) fn write_begins(&self, what: String) -> (usize, bool) {
        let mut state = self.state();
        state.api_server.push(what);
        let number = state.api_server.len();
        let blow = self.reached(&state, Side::ApiServer, number, Moment::Before);
        (number, blow == Some(Blow::Kill))
    }

    /// The API server has answered a write. Whether its answer is lost here.
    pub(crate) fn write_ends(&self, number: usize, answer: &str) -> bool {
        let mut state = self.state();
        if let Some(what) = number
            .checked_sub(1)
            .and_then(|index| state.api_server.get_mut(index))
        {
            what.push_str(answer);
        }
        self.reached(&state, Side::ApiServer, number, Moment::After) == Some(Blow::Kill)
    }

    fn cloud(&self, phase: CallPhase, seq: u64, what: &str) {
        let mut state = self.state();
        if phase == CallPhase::BeforeCommit {
            state.cloud.push((seq, what.to_owned()));
        }
        let Some(index) = state.cloud.iter().position(|(other, _)| *other == seq) else {
            return; // it began before the count
        };
        let moment = match phase {
            CallPhase::BeforeCommit => Moment::Before,
            CallPhase::AfterCommit => Moment::After,
        };
        self.reached(&state, Side::Cloud, index + 1, moment);
    }

    /// Strikes if this is the point.
    fn reached(
        &self,
        state: &TrapState,
        side: Side,
        number: usize,
        moment: Moment,
    ) -> Option<Blow> {
        let here = Point {
            side,
            number,
            moment,
        };
        let (_, blow, process) = state.set.filter(|(point, ..)| *point == here)?;
        let signal = match blow {
            Blow::Kill => "-KILL",
            Blow::Stop => "-STOP",
        };
        self.sprung.store(true, Ordering::SeqCst);
        strike(signal, process);
        Some(blow)
    }

    fn state(&self) -> MutexGuard<'_, TrapState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a signal to a process.
pub(crate) fn strike(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success(), "kill {signal} {process}");
}
