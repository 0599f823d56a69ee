//! Parts of logs, and logs that are followed.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{LocalApi, PAUSE, header};
use crate::support::{problem, until};

#[tokio::test]
async fn a_log_can_be_read_from_an_offset_by_lines_and_by_a_range() {
    let local = LocalApi::start("printf 'one\\ntwo\\nthree\\n'", &[]);
    let id = local.ended_run().await;
    assert_eq!(local.api.run(&id).await["containers"], json!(["main"]));
    for (query, offset, text) in [
        ("", "0", "one\ntwo\nthree\n"),
        ("?offset=4", "4", "two\nthree\n"),
        ("?offset=14", "14", ""),
        ("?tail=1", "8", "three\n"),
        ("?tail=2&container=main", "4", "two\nthree\n"),
        ("?tail=9", "0", "one\ntwo\nthree\n"),
    ] {
        let response = local.log(&id, query).send().await.unwrap();
        let found = (header(&response, "x-log-offset"), header(&response, "x-log-cut"));
        assert_eq!(found, (offset.into(), "false".into()), "{query}");
        assert_eq!(header(&response, "accept-ranges"), "bytes");
        assert_eq!(response.text().await.unwrap(), text, "{query}");
    }
    for (range, content_range, text) in [
        ("bytes=0-3", "bytes 0-3/*", "one\n"),
        ("bytes=4-", "bytes 4-13/14", "two\nthree\n"),
        ("bytes=-6", "bytes 8-13/14", "three\n"),
        ("bytes=8-999", "bytes 8-13/14", "three\n"),
    ] {
        let response = local.log(&id, "").header("Range", range).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(header(&response, "content-range"), content_range);
        assert_eq!(response.text().await.unwrap(), text, "{range}");
    }
    let beyond = || local.log(&id, "").header("Range", "bytes=14-");
    problem(beyond(), 416, "range-not-satisfiable").await;
    assert_eq!(header(&beyond().send().await.unwrap(), "content-range"), "bytes */14");
    let several = local.log(&id, "").header("Range", "bytes=0-1,4-5").send().await.unwrap();
    assert_eq!(several.status(), StatusCode::OK, "several ranges are ignored");
    for query in ["?offset=1&tail=1", "?container=other", "?offset=-1"] {
        problem(local.log(&id, query), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn the_offsets_of_a_log_stay_valid_when_only_its_tail_is_left() {
    let local = LocalApi::start("seq 100001 120000", &[]);
    let id = local.ended_run().await;
    let response = local.log(&id, "").send().await.unwrap();
    assert_eq!(header(&response, "x-log-cut"), "true");
    let start: usize = header(&response, "x-log-offset").as_str().unwrap().parse().unwrap();
    let tail = response.text().await.unwrap();
    assert_eq!(start + tail.len(), 140_000);
    assert!(tail.starts_with(&(100_001 + start / 7).to_string()), "{start} {}", &tail[..20]);
    let response = local.log(&id, "?offset=139993").send().await.unwrap();
    assert_eq!(
        (header(&response, "x-log-cut"), header(&response, "x-log-offset")),
        ("false".into(), "139993".into())
    );
    assert_eq!(response.text().await.unwrap(), "120000\n");
    let response = local.log(&id, "?offset=7").send().await.unwrap();
    assert_eq!(header(&response, "x-log-cut"), "true", "the requested text is no longer available");
    assert_eq!(header(&response, "x-log-offset"), start.to_string());
    let response = local.log(&id, "").header("Range", format!("bytes=0-{start}")).send().await.unwrap();
    assert_eq!(header(&response, "content-range"), format!("bytes {start}-{start}/*"));
    let mut events = local.log_events(&id, "", None).await;
    let dropped = events.next().await.unwrap();
    assert_eq!((dropped.name.as_str(), &dropped.data), ("dropped", &json!({ "offset": 0, "bytes": start })));
    assert_eq!(dropped.id, Some(start.to_string()));
}

#[tokio::test]
async fn a_followed_log_is_resumed_after_an_offset_and_nothing_is_repeated() {
    let script = format!("printf 'one\\ntw'; {PAUSE}; printf 'o\\nthree\\n'; {PAUSE}; echo four");
    let local = LocalApi::start(&script, &[]);
    let id = local.run().await;
    let mut events = local.log_events(&id, "", None).await;
    let first = events.next_of_any_kind().await.unwrap();
    assert_eq!((first.name.as_str(), first.id.as_deref()), ("ping", Some("0")), "it can be resumed already");
    let one = events.next().await.unwrap();
    let job = local.api.run(&id).await["job_name"].clone();
    let expected = json!({ "offset": 0, "pod": job, "container": "main", "attempt": 1, "text": "one\n" });
    assert_eq!((one.name.as_str(), one.id.as_deref(), &one.data), ("log", Some("4"), &expected));
    drop(events);
    local.resume().await;
    // As a browser does, and as a client does that counts bytes.
    let mut events = local.log_events(&id, "", Some("4")).await;
    let mut text = local.log(&id, "?follow=true&offset=8").send().await.unwrap();
    assert_eq!((header(&text, "x-log-offset"), header(&text, "x-log-cut")), ("8".into(), "false".into()));
    let mut received = String::new();
    let done = loop {
        let event = events.next().await.unwrap();
        if event.name != "log" {
            break event;
        }
        received.push_str(event.data["text"].as_str().unwrap());
        if received == "two\nthree\n" {
            local.resume().await;
        }
    };
    assert_eq!(received, "two\nthree\nfour\n");
    assert_eq!((done.name.as_str(), &done.data), ("done", &json!({ "offset": 19, "state": "succeeded" })));
    assert!(events.next().await.is_none());
    let mut rest = Vec::new();
    while let Some(chunk) = text.chunk().await.unwrap() {
        rest.extend_from_slice(&chunk);
    }
    assert_eq!(rest, b"three\nfour\n");
    let mut events = local.log_events(&id, "", Some("19")).await;
    assert_eq!(events.next().await.unwrap().name, "done", "a client that has everything gets the end again");
}

#[tokio::test]
async fn the_lines_of_each_attempt_are_attributed_to_it() {
    let script = "echo try; test -f again || { touch again; exit 1; }";
    let local = LocalApi::start(script, &[]);
    let id = local.ended_run().await;
    let mut events = local.log_events(&id, "?container=main", None).await;
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        seen.push((event.name, event.data["attempt"].clone(), event.data["offset"].clone()));
    }
    let event = |name: &str, attempt: Value, offset: u64| (name.to_owned(), attempt, Value::from(offset));
    assert_eq!(seen, [event("log", 1.into(), 0), event("log", 2.into(), 4), event("done", Value::Null, 8)]);
    let text = local.log(&id, "").send().await.unwrap().text().await.unwrap();
    let job = local.api.run(&id).await["job_name"].as_str().unwrap().to_owned();
    assert_eq!(text, format!("try\n\n==> {job}/main <==\ntry\n"));
    let text = local.log(&id, "?container=main").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "try\ntry\n", "the log of one container has no separators");
}

#[tokio::test]
async fn a_log_that_the_end_of_the_program_cuts_off_is_not_mistaken_for_a_whole_one() {
    for graceful in [true, false] {
        let mut local = LocalApi::start(&format!("echo one; {PAUSE}"), &[]);
        let id = local.run().await;
        let mut text = local.log(&id, "?follow=true").send().await.unwrap();
        let mut events = local.log_events(&id, "", None).await;
        assert_eq!(text.chunk().await.unwrap().unwrap(), "one\n");
        assert_eq!(events.next().await.unwrap().data["text"], "one\n");
        if graceful {
            assert!(local.api.stop().success());
        } else {
            local.api.kill();
        }
        // One chunk may be empty, but the body has no regular end.
        let end = async {
            loop {
                match text.chunk().await {
                    Ok(Some(_)) => {}
                    end => return end,
                }
            }
        };
        assert!(end.await.is_err(), "graceful: {graceful}");
        let rest = events.next().await;
        assert!(rest.is_none(), "graceful: {graceful}: {rest:?}");
    }
}

#[tokio::test]
async fn the_last_lines_are_followed_and_no_line_is_the_end() {
    let local = LocalApi::start(&format!("seq 1 9; {PAUSE}; echo last"), &[]);
    let id = local.run().await;
    until("the output is there", async || {
        local.log(&id, "").send().await.unwrap().text().await.unwrap().contains("9\n")
    })
    .await;
    let tail = local.log(&id, "?follow=true&tail=2").send().await.unwrap();
    let only_new = local.log(&id, "?follow=true&tail=0").send().await.unwrap();
    assert_eq!(
        (header(&tail, "x-log-offset"), header(&only_new, "x-log-offset")),
        ("14".into(), "18".into())
    );
    local.resume().await;
    assert_eq!(tail.text().await.unwrap(), "8\n9\nlast\n");
    assert_eq!(only_new.text().await.unwrap(), "last\n");
}
