//! Whose a row at the cloud is: by its recorded id, or by the record of the attempts that may have made it, and by nothing else. Pure;
//! what is done with a row that is not ours is `step`'s.

use jiff::{SignedDuration, Timestamp};

use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::time::shifted;
use crate::plan::facts::{Facts, GetResult};

/// A row may be this much older than the attempt that made it: the look that showed the place free was not older, and rows and
/// `Date` headers may be dated by two clocks.
const OLDER: SignedDuration = SignedDuration::from_secs(60);
/// A row younger than the newest attempt by more than this was made by somebody else.
const YOUNGER: SignedDuration = SignedDuration::from_mins(10);

/// What lies at an object's place beside the row that it keeps.
#[derive(Debug, PartialEq, Eq)]
pub enum OtherRows<'a> {
    /// Nothing.
    None,
    /// A row that is ours, too.
    Ours(&'a Row),
    /// Rows that are not ours.
    Foreign,
}

impl Facts {
    /// Whether a row is the one whose id is recorded.
    pub fn is_recorded(&self, row: &Row) -> bool {
        self.id() == Some(row.id.as_str())
    }

    /// Whether the recorded callback was seen, by a look or by its id.
    pub fn sees_recorded(&self) -> bool {
        let got = match &self.get_result {
            GetResult::Row(row) => Some(row),
            GetResult::Unasked | GetResult::Unknown(_) | GetResult::Gone => None,
        };
        let mut seen = self.observed.rows().iter().chain(got);
        seen.any(|row| self.is_recorded(row))
    }

    /// The latest that the callback of this id was created, by whatever clock: as a row tells it that was seen or is remembered, else not
    /// later than we last wrote it.
    pub fn created_before(&self, id: &str) -> Option<Timestamp> {
        let mut seen = self.observed.rows().iter();
        let seen = seen.find(|row| row.id == id);
        let remembered = || {
            let remote = self.status.remote.as_ref()?;
            let time = remote.create_time.as_ref()?;
            time.parse()
                .ok()
                .filter(|_| remote.id.as_deref() == Some(id))
        };
        let wrote = || self.last_write.filter(|_| self.id() == Some(id));
        let created = seen.and_then(|row| row.create_time);
        let created = created.or_else(remembered).or_else(wrote)?;
        Some(shifted(created, OLDER))
    }

    /// Whether a row is ours: its id is recorded here, or the record says that we made it and nobody else holds it.
    pub fn is_ours(&self, row: &Row) -> bool {
        !self.deleted.contains(&row.id)
            && (self.is_recorded(row)
                || (!self.claimed_elsewhere.contains(&row.id)
                    && self
                        .claiming_record()
                        .is_some_and(|record| self.attempt_that_made(record, row).is_some())))
    }

    /// The attempt of the object's record that made a row, as far as that can be told.
    pub fn attempt_that_made(&self, record: &Record, row: &Row) -> Option<Attempt> {
        record.attempt_that_made(row, self.record_first_seen)
    }

    /// The row that is ours: the recorded id, else the oldest that an attempt made.
    pub fn own_row(&self) -> Option<&Row> {
        let rows = self.observed.rows();
        let recorded = rows
            .iter()
            .find(|row| self.is_recorded(row) && self.is_ours(row));
        recorded.or_else(|| rows.iter().find(|row| self.is_ours(row)))
    }

    /// What lies beside the row that is kept. One that is ours goes first: only then can it be told what is left.
    pub(in crate::plan) fn rows_beside(&self, kept: &Row) -> OtherRows<'_> {
        let is_other = |row: &&Row| row.id != kept.id && !self.deleted.contains(&row.id);
        let others = || self.observed.rows().iter().filter(is_other);
        match (others().find(|row| self.is_ours(row)), others().next()) {
            (Some(ours), _) => OtherRows::Ours(ours),
            (None, Some(_)) => OtherRows::Foreign,
            (None, None) => OtherRows::None,
        }
    }
}

impl Record {
    /// The newest attempt that could have made this row: equal content, and an age that fits. No row tells its key: that is known
    /// only where all that could have made it sent the same. A record that was from the future when it was first seen counts from then: a
    /// clock that nobody knew to be wrong yet dated it.
    pub fn attempt_that_made(&self, row: &Row, first_seen: Timestamp) -> Option<Attempt> {
        let (first, newest) = (self.attempts.first()?, self.attempts.last()?);
        let first = first.at.min(first_seen);
        let fits = row.create_time.is_none_or(|made| {
            made >= shifted(first, -OLDER) && made <= shifted(newest.at, YOUNGER)
        });
        let mut authors = self
            .attempts
            .iter()
            .rev()
            .filter(|attempt| fits && row.holds(&attempt.content));
        let mut author = authors.next()?.clone();
        if authors.any(|other| other.key_digest != author.key_digest) {
            author.key_digest = None;
        }
        Some(author)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::plan::facts::content::{Content, ReportedContent};
    use crate::plan::facts::place::Place;
    use crate::terms::target::Target;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Two attempts, 100 s apart, with different URLs.
    fn record() -> Record {
        let target = Target {
            region: "cn-north-4".to_owned(),
            project_id: "project".to_owned(),
            endpoint: "https://live.example.com".to_owned(),
        };
        let attempt = |id: &str, second, url: &str| {
            let content = Content {
                url: Some(url.to_owned()),
                events: std::iter::once("RECORD_FILE_COMPLETE".to_owned()).collect(),
                sign_type: "HMACSHA256".to_owned(),
            };
            Attempt::new(id.to_owned(), at(second), &content, None)
        };
        let first = attempt("first", 1000, "https://hooks.example.com/a");
        let second = attempt("second", 1100, "https://hooks.example.com/b");
        Record::new("uid", &target, first).appended(second)
    }

    fn row(made: Option<i64>, url: Option<&str>) -> Row {
        Row {
            id: "id".to_owned(),
            place: Place::new("push.example.com", "live"),
            content: ReportedContent {
                url: url.map(|url| url.to_owned().into()),
                ..ReportedContent::default()
            },
            create_time: made.map(at),
            update_time: None,
        }
    }

    /// The attempt that may have made such a row.
    fn author(made: Option<i64>, url: Option<&str>) -> Option<String> {
        let attempt = record().attempt_that_made(&row(made, url), at(1000));
        attempt.map(|attempt| attempt.id)
    }

    #[test]
    fn a_row_is_of_an_attempt_whose_values_it_holds() {
        let made = Some(1050);
        let first = author(made, Some("https://HOOKS.example.com/a"));
        assert_eq!(first.as_deref(), Some("first"));
        assert_eq!(author(made, Some("https://hooks.example.com/c")), None);
        assert_eq!(author(made, Some("")), None, "nobody sent no URL");
        let lacking = author(made, None);
        assert_eq!(lacking.as_deref(), Some("second"), "it lacks the field");
    }

    #[test]
    fn a_row_is_not_older_than_the_first_attempt_nor_much_younger_than_the_newest() {
        let url = Some("https://hooks.example.com/a");
        for (made, fits) in [
            (Some(939), false),
            (Some(940), true),
            (Some(1700), true),
            (Some(1701), false),
            (None, true),
        ] {
            assert_eq!(author(made, url).is_some(), fits, "{made:?}");
        }
    }

    #[test]
    fn a_record_that_came_from_the_future_counts_from_when_it_was_first_seen() {
        let url = Some("https://hooks.example.com/a");
        let made = |made, first_seen| {
            let attempt = record().attempt_that_made(&row(Some(made), url), at(first_seen));
            attempt.is_some()
        };
        assert!(made(820, 880) && !made(819, 880));
        assert!(made(940, 1_200) && !made(939, 1_200));
    }

    #[test]
    fn a_record_from_the_ends_of_time_can_be_asked() {
        for end in [Timestamp::MIN, Timestamp::MAX] {
            let mut record = record();
            for attempt in &mut record.attempts {
                attempt.at = end;
            }
            assert_eq!(
                record.attempt_that_made(&row(Some(1050), None), Timestamp::MAX),
                None
            );
            assert!(
                record
                    .attempt_that_made(&row(None, None), Timestamp::MAX)
                    .is_some()
            );
        }
    }
}
