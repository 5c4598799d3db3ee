//! Whether a lane empties while it is served, or others keep coming.

/// What is told of a lane is told by so many of its tokens.
const MEASURED: u64 = 20;

/// How many come to a lane for the tokens that it gets.
#[derive(Debug)]
pub(super) struct LaneFlow {
    granted: u64,
    /// Nobody counts before the first tokens were granted: whoever comes all at once is no flow.
    arrived: Option<u64>,
    /// By how many it fell with as many tokens as are measured.
    fell: u64,
}

impl Default for LaneFlow {
    fn default() -> Self {
        Self {
            granted: 0,
            arrived: None,
            fell: MEASURED,
        }
    }
}

impl LaneFlow {
    /// Somebody lines up.
    pub(super) fn arrive(&mut self) {
        self.arrived = self.arrived.map(|arrived| arrived + 1);
    }

    /// Somebody leaves without a token.
    pub(super) fn leave(&mut self) {
        self.arrived = self.arrived.map(|arrived| arrived.saturating_sub(1));
    }

    /// Somebody gets a token.
    pub(super) fn grant(&mut self) {
        self.granted += 1;
        if self.granted == MEASURED {
            let arrived = self.arrived.unwrap_or(0);
            *self = Self {
                granted: 0,
                arrived: Some(0),
                fell: MEASURED.saturating_sub(arrived),
            };
        }
    }

    /// For how many tokens a lane goes on in which so many wait.
    pub(super) fn lasts(&self, waiting: u64) -> u64 {
        let all = waiting.saturating_mul(MEASURED);
        all.checked_div(self.fell).unwrap_or(u64::MAX)
    }
}
