//! The same retries and redirects as Debian's curl.

use crate::support::{
    comparison::{busy, case, compare, ok, redirect, responds_in_turn},
    server::response,
};

#[test]
fn retries_of_temporary_errors() {
    compare(vec![
        case("503 then 200", &["--retry", "2"], responds_in_turn(&[busy(""), ok()]), 0, 2),
        case("503 then 200 with -f", &["-f", "--retry", "2"], responds_in_turn(&[busy(""), ok()]), 0, 2),
        case("503 always", &["-f", "--retry", "1"], responds_in_turn(&[busy("")]), 22, 2),
        case("503 always, without -f", &["--retry", "1"], responds_in_turn(&[busy("")]), 0, 2),
        case("408", &["--retry", "1"], responds_in_turn(&[response("408 Timeout", "", ""), ok()]), 0, 2),
        case(
            "429 with Retry-After",
            &["--retry", "1"],
            responds_in_turn(&[response("429 Many", "Retry-After: 2\r\n", ""), ok()]),
            0,
            2,
        ),
        case("500", &["--retry", "1"], responds_in_turn(&[response("500 Oops", "", ""), ok()]), 0, 2),
        case(
            "501 is not retried",
            &["-f", "--retry", "1"],
            responds_in_turn(&[response("501 No", "", ""), ok()]),
            22,
            1,
        ),
        case(
            "401 is not retried",
            &["-f", "--retry", "1"],
            responds_in_turn(&[response("401 No", "", ""), ok()]),
            22,
            1,
        ),
    ]);
}

#[test]
fn retries_of_all_errors_and_their_pauses() {
    compare(vec![
        case(
            "404, all errors",
            &["-f", "--retry", "1", "--retry-all-errors"],
            responds_in_turn(&[response("404 No", "", ""), ok()]),
            0,
            2,
        ),
        case(
            "404, all errors, no -f",
            &["--retry", "1", "--retry-all-errors"],
            responds_in_turn(&[response("404 No", "", ""), ok()]),
            0,
            1,
        ),
        case(
            "no response is not retried",
            &["--retry", "1"],
            responds_in_turn(&[String::new(), ok()]),
            52,
            1,
        ),
        case(
            "no response, all errors",
            &["--retry", "1", "--retry-all-errors"],
            responds_in_turn(&[String::new(), ok()]),
            0,
            2,
        ),
        case(
            "pause beyond the limit",
            &["--retry", "3", "--retry-max-time", "2"],
            responds_in_turn(&[busy("Retry-After: 9\r\n"), ok()]),
            0,
            1,
        ),
        case(
            "fixed pause",
            &["--retry", "2", "--retry-delay", "1"],
            responds_in_turn(&[busy(""), busy(""), ok()]),
            0,
            3,
        ),
        case(
            "POST is retried too",
            &["-d", "x=1", "--retry", "1"],
            responds_in_turn(&[busy(""), ok()]),
            0,
            2,
        ),
    ]);
}

#[test]
fn redirects() {
    compare(vec![
        case("not followed", &[], responds_in_turn(&[redirect("302 Found", "/next"), ok()]), 0, 1),
        case("followed", &["-L"], responds_in_turn(&[redirect("302 Found", "/next"), ok()]), 0, 2),
        case(
            "followed with -i",
            &["-L", "-i"],
            responds_in_turn(&[redirect("302 Found", "/next"), ok()]),
            0,
            2,
        ),
        case(
            "a POST becomes a GET",
            &["-L", "-d", "x=1"],
            responds_in_turn(&[redirect("302 Found", "/next"), ok()]),
            0,
            2,
        ),
        case(
            "a POST stays",
            &["-L", "-d", "x=1"],
            responds_in_turn(&[redirect("307 Temporary", "next"), ok()]),
            0,
            2,
        ),
        case(
            "in a loop",
            &["-L", "--max-redirs", "3"],
            responds_in_turn(&[redirect("302 Found", "/next")]),
            47,
            4,
        ),
        case("without Location", &["-L"], responds_in_turn(&[response("302 Found", "", "moved\n")]), 0, 1),
        case(
            "to another scheme",
            &["-L"],
            responds_in_turn(&[redirect("302 Found", "gopher9://127.0.0.1/")]),
            1,
            1,
        ),
        case(
            "404 after it with -f",
            &["-L", "-f"],
            responds_in_turn(&[redirect("302 Found", "/next"), response("404 No", "", "")]),
            22,
            2,
        ),
    ]);
}
