//! Numbers in the arguments.

use core::time::Duration;

use crate::exit::Failure;

/// The maximum number of seconds, ten years: larger numbers could overflow a sum of times.
const MAX_SECONDS: u64 = 10 * 365 * 86_400;

/// Parses a whole number.
pub(super) fn whole(option: &str, value: &str) -> Result<u32, Failure> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(number) if digits => Ok(number),
        _ => Err(Failure::usage(format_args!("option {option} needs a whole number"))),
    }
}

/// Parses a whole number of seconds.
pub(super) fn whole_seconds(option: &str, value: &str) -> Result<Duration, Failure> {
    whole(option, value).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Parses seconds with optional decimals; digits after the milliseconds are ignored.
pub(super) fn seconds(option: &str, value: &str) -> Result<Duration, Failure> {
    let invalid =
        || Failure::usage(format_args!("option {option} needs a number of seconds, such as 5 or 0.5"));
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) {
        return Err(invalid());
    }
    let seconds = whole.parse::<u64>().map_err(|_| invalid())?.min(MAX_SECONDS);
    let mut milliseconds = 0;
    for place in 0..3 {
        let digit = decimals.as_bytes().get(place).map_or(0, |digit| digit - b'0');
        milliseconds = milliseconds * 10 + u64::from(digit);
    }
    Ok(Duration::from_millis(seconds * 1000 + milliseconds))
}
