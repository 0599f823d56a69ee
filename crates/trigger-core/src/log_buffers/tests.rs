use futures_util::StreamExt;

use super::*;

fn source(container: &str) -> Arc<LogSource> {
    Arc::new(LogSource { container: Some(container.to_owned()), ..LogSource::default() })
}

fn append(logs: &LogBuffers, id: &RunId, output: impl Into<Bytes>) {
    logs.append(id, &source("main"), &output.into());
}

#[test]
fn the_tail_has_the_last_whole_lines_that_fit() {
    let (logs, id) = (LogBuffers::default(), RunId::new("run"));
    assert_eq!(logs.tail(&id), None);
    for line in 0..20_000 {
        append(&logs, &id, format!("line {line:05}\n"));
    }
    let tail = logs.close(&id).unwrap();
    assert!(tail.cut);
    assert!((TAIL_BYTES - 11..=TAIL_BYTES).contains(&tail.text.len()), "{}", tail.text.len());
    assert!(tail.text.starts_with(b"line "));
    assert!(tail.text.ends_with(b"line 19999\n"));
    assert_eq!(logs.tail(&id), None);
}

#[test]
fn a_short_log_is_kept_whole_and_an_endless_line_is_cut() {
    let (logs, id) = (LogBuffers::default(), RunId::new("run"));
    append(&logs, &id, &b"no line end"[..]);
    let tail = logs.tail(&id).unwrap();
    assert_eq!((&tail.text[..], tail.cut, tail.start), (&b"no line end"[..], false, 0));
    append(&logs, &id, vec![b'x'; 3 * TAIL_BYTES]);
    let tail = logs.tail(&id).unwrap();
    assert_eq!((tail.text.len(), tail.cut, tail.start), (TAIL_BYTES, true, 2 * TAIL_BYTES as u64 + 11));
    append(&logs, &id, &b"\n"[..]);
    assert_eq!(logs.tail(&id).unwrap().text.len(), TAIL_BYTES);
}

#[test]
fn the_tails_of_many_runs_fit_into_the_limit_and_each_keeps_its_last_lines() {
    let logs = LogBuffers::default();
    let ids: Vec<RunId> = (0..300).map(|number| RunId::new(number.to_string())).collect();
    for line in 0..2_000 {
        for id in &ids {
            append(&logs, id, format!("line {line:05} {}\n", "x".repeat(50)));
        }
    }
    let tails: Vec<LogTail> = ids.iter().filter_map(|id| logs.tail(id)).collect();
    let total: usize = tails.iter().map(|tail| tail.text.len()).sum();
    assert!((MAX_TAILS_BYTES / 4..=MAX_TAILS_BYTES).contains(&total), "{total}");
    for tail in tails {
        assert!(tail.cut && tail.text.starts_with(b"line "), "{}", tail.text.len());
        assert!(tail.text.windows(11).any(|text| text == b"line 01999 "));
    }
    for id in &ids {
        logs.close(id);
    }
    assert_eq!(locked(&logs.logs).bytes, 0);
}

#[tokio::test]
async fn a_reader_receives_the_tail_the_output_that_follows_and_the_end() {
    let (logs, id) = (LogBuffers::default(), RunId::new("run"));
    append(&logs, &id, &b"one\n"[..]);
    let (tail, pieces) = logs.follow(&id).unwrap();
    append(&logs, &id, &b"two\n"[..]);
    logs.close(&id);
    assert_eq!(tail.text, "one\n");
    let pieces: Vec<_> = pieces.map(|piece| (piece.offset, piece.text)).collect().await;
    assert_eq!(pieces, [(4, Bytes::from_static(b"two\n"))]);
}

#[tokio::test]
async fn a_slow_reader_needs_no_memory_and_the_offsets_show_how_much_was_dropped() {
    let (logs, id) = (LogBuffers::default(), RunId::new("run"));
    logs.open(&id);
    let (_, pieces) = logs.follow(&id).unwrap();
    for line in 0..20_000 {
        append(&logs, &id, format!("line {line:05}\n"));
    }
    assert!(locked(&logs.logs).bytes <= 2 * TAIL_BYTES);
    logs.close(&id);
    let pieces: Vec<LogPiece> = pieces.collect().await;
    let first = &pieces[0];
    assert!(first.offset > 0 && first.text.starts_with(format!("line {:05}", first.offset / 11).as_bytes()));
    assert!(pieces.windows(2).all(|pair| pair[0].end() == pair[1].offset));
    assert_eq!(pieces.last().unwrap().end(), 20_000 * 11);
    assert!(pieces.iter().all(|piece| piece.text.len() as u64 <= PIECE_BYTES));
}

#[tokio::test]
async fn every_piece_has_its_container_and_its_offset_in_the_text_of_that_container() {
    let (logs, id) = (LogBuffers::default(), RunId::new("run"));
    logs.open(&id);
    let (_, pieces) = logs.follow(&id).unwrap();
    for line in 0..40 {
        logs.append(&id, &source("main"), &Bytes::from(format!("main {line:02}\n")));
        logs.append(&id, &source("beside"), &Bytes::from(format!("beside {line:02}\n")));
    }
    let tail = logs.close(&id).unwrap();
    let followed: Vec<LogPiece> = pieces.collect().await;
    assert_eq!(followed, tail.pieces());
    let beside: Vec<LogPiece> =
        followed.into_iter().filter_map(|piece| piece.of_container("beside")).collect();
    for (line, piece) in beside.iter().enumerate() {
        assert_eq!(
            (piece.offset, &piece.text[..]),
            (line as u64 * 10, format!("beside {line:02}\n").as_bytes())
        );
    }
}

#[test]
fn a_tail_of_many_short_parts_keeps_the_last_ones_with_their_offsets() {
    let (logs, id) = (LogBuffers::default(), RunId::new("run"));
    for line in 0..1_000 {
        logs.append(
            &id,
            &source(if line % 2 == 0 { "even" } else { "odd" }),
            &Bytes::from(format!("{line:03}\n")),
        );
    }
    let tail = logs.close(&id).unwrap();
    assert!(tail.cut && tail.parts.len() <= MAX_PARTS, "{} parts", tail.parts.len());
    for piece in tail.pieces().into_iter().filter(|piece| piece.source.is_some()) {
        let line: u64 = String::from_utf8(piece.text.to_vec()).unwrap().trim().parse().unwrap();
        assert_eq!(piece.source_offset, line / 2 * 4);
    }
    assert!(tail.text.ends_with(b"999\n"));
}
