//! Memory for answers in the making: promised before it is needed, so that the sandbox's limit is never hit, which would
//! cost everybody their answer.

use std::cell::Cell;
use std::rc::Rc;

use evenhand_sdk::Error;
use evenhand_sdk::types::ErrorCode;

/// About how long a short answer takes, in milliseconds.
const RETRY_AFTER: u64 = 2000;

/// Tokens that may still be promised. A clone is the same room.
#[derive(Clone)]
pub(crate) struct Room(Rc<Cell<usize>>);

impl Room {
    /// Room for that many tokens.
    pub(crate) fn new(tokens: usize) -> Self {
        Self(Rc::new(Cell::new(tokens)))
    }

    /// Promises room for an answer until the promise is dropped; `overloaded` where there is none.
    pub(crate) fn promise(&self, tokens: usize) -> Result<Promise, Error> {
        let free = self.0.get();
        let Some(left) = free.checked_sub(tokens) else {
            let message = format!(
                "this answer may need {tokens} tokens of memory, and other answers leave {free}: try again, or ask for fewer `max_tokens`"
            );
            return Err(Error {
                retry_after_ms: Some(RETRY_AFTER),
                ..Error::new(ErrorCode::Overloaded, message)
            });
        };
        self.0.set(left);
        Ok(Promise {
            room: self.clone(),
            tokens,
        })
    }
}

/// Room that nobody else gets.
pub(crate) struct Promise {
    room: Room,
    tokens: usize,
}

impl Drop for Promise {
    fn drop(&mut self) {
        let Room(free) = &self.room;
        free.set(free.get() + self.tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_promised_once_and_given_back() {
        let room = Room::new(100);
        let first = room.promise(60).unwrap();
        let error = room.promise(41).err().unwrap();
        assert_eq!(error.code, ErrorCode::Overloaded);
        assert!(error.retry_after_ms.is_some());
        let second = room.promise(40).unwrap();
        drop(first);
        assert!(room.promise(61).is_err());
        drop(second);
        assert!(room.promise(100).is_ok());
    }
}
