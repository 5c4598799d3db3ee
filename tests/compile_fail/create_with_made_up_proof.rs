//! error[E0423]: cannot initialize a tuple struct which contains private fields
//! Nobody but a record that was found on its object says that it was written.

use recording_callback_operator::plan::facts::record::WrittenRecord;

pub fn proof() -> WrittenRecord {
    WrittenRecord(())
}
