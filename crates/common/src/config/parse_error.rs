//! Explains errors of the standard library, whose own texts describe the types of Rust.

use std::any::Any;
use std::fmt::Display;
use std::net::AddrParseError;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::str::ParseBoolError;

/// What to do about a text that can't be parsed.
pub(super) fn explain_parse_error<E: Display + 'static>(error: &E) -> String {
    let error_type: &dyn Any = error;
    let advice = if let Some(error) = error_type.downcast_ref::<ParseIntError>() {
        match error.kind() {
            IntErrorKind::Zero => "use a number above 0",
            IntErrorKind::PosOverflow => "use a smaller number",
            IntErrorKind::NegOverflow => "use a larger number",
            _ => "use a whole number in digits only, without a unit",
        }
    } else if error_type.is::<ParseBoolError>() {
        "use true or false"
    } else if error_type.is::<ParseFloatError>() {
        "use a number"
    } else if error_type.is::<AddrParseError>() {
        "use an IP address and a port, such as [::]:8000 or 127.0.0.1:8000"
    } else {
        return error.to_string();
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests {
    use std::fmt::Display;
    use std::net::SocketAddr;
    use std::num::NonZeroU32;
    use std::str::FromStr;

    use super::explain_parse_error;

    fn explained<T: FromStr<Err: Display + 'static>>(text: &str) -> String {
        explain_parse_error(&text.parse::<T>().err().expect("it can't be parsed"))
    }

    #[test]
    fn errors_of_the_standard_library_say_what_to_do() {
        assert_eq!(explained::<NonZeroU32>("0"), "use a number above 0");
        assert_eq!(explained::<u16>("70000"), "use a smaller number");
        for text in ["512Mi", "20s", "1.5", "-1", "x"] {
            assert_eq!(explained::<u64>(text), "use a whole number in digits only, without a unit", "{text}");
        }
        assert_eq!(explained::<bool>("yes"), "use true or false");
        let address = explained::<SocketAddr>("8000");
        assert!(address.starts_with("use an IP address and a port"), "{address}");
    }
}
