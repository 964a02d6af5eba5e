//! Whom the client asks for.

use evenhand_sdk::Warnings;

/// The vendor refuses more characters ("Invalid 'user': string too long. Expected a string with maximum length 64"); other formats
/// have room for more, and Claude Code writes a JSON object with three ids.
const LONGEST: usize = 64;

/// What the vendor takes of it. A shortened one could stand for somebody else.
pub(crate) fn user<'a>(user: Option<&'a str>, warnings: &mut Warnings) -> Option<&'a str> {
    let user = user?;
    let fits = user.chars().count() <= LONGEST;
    if !fits {
        let message = format!("the vendor takes at most {LONGEST} characters: left out");
        warnings.add("user", message);
    }
    fits.then_some(user)
}
