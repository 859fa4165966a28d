use proptest::prelude::*;

use super::*;

const LIMITS: CutLimits = CutLimits {
    line_bytes_max: 400,
    join: JoinLimits { lines_max: 100, bytes_max: 400 },
    records_max: usize::MAX,
};

fn text(record: &RawLine) -> String {
    String::from_utf8_lossy(&record.bytes).into_owned()
}

/// Cuts the whole file in one piece, as after its writer has ended.
fn whole(file: &[u8]) -> Vec<String> {
    let cut = cut(&Bytes::copy_from_slice(file), Position::default(), LIMITS, |_, _| true);
    assert_eq!(cut.position.start(), file.len() as u64);
    cut.records.iter().map(text).collect()
}

/// Cuts what has been written at each of the moments, and what is left at the end.
fn in_pieces(file: &[u8], moments: &[usize], records_max: usize) -> Vec<String> {
    let (mut position, mut records) = (Position::default(), Vec::new());
    let limits = CutLimits { records_max, ..LIMITS };
    let mut written: Vec<usize> = moments.iter().map(|moment| moment % (file.len() + 1)).collect();
    written.sort_unstable();
    for end in written {
        if end as u64 <= position.start() {
            continue;
        }
        let piece = Bytes::copy_from_slice(&file[position.start() as usize..end]);
        let cut = cut(&piece, position, limits, |_, _| false);
        assert!(cut.position.start() >= position.start());
        records.extend(cut.records.iter().map(text));
        position = cut.position;
    }
    while position.start() < file.len() as u64 {
        let piece = Bytes::copy_from_slice(&file[position.start() as usize..]);
        let cut = cut(&piece, position, limits, |_, _| true);
        assert!(cut.position.start() > position.start() || !cut.records.is_empty());
        records.extend(cut.records.iter().map(text));
        position = cut.position;
    }
    records
}

fn cri(stream: &str, tag: &str, text: &str) -> String {
    format!("2026-11-22T10:00:00.1Z {stream} {tag} {text}\n")
}

#[test]
fn the_streams_of_a_container_are_joined_apart() {
    let file = [
        cri("stdout", "P", "one "),
        cri("stderr", "F", "between"),
        cri("stdout", "F", "line"),
        cri("stderr", "F", "  at f (a.js:1:2)"),
        cri("stdout", "F", "{}"),
    ]
    .concat();
    let own = |record: &String| {
        record.lines().map(|line| line.split(' ').skip(3).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let records: Vec<_> = whole(file.as_bytes()).iter().map(own).collect();
    assert_eq!(
        records,
        [vec!["one ", "line"], vec!["{}"], vec!["between", "  at f (a.js:1:2)"]]
            .map(|lines| lines.into_iter().map(str::to_owned).collect::<Vec<_>>())
    );
}

#[test]
fn what_may_go_on_is_left_for_the_next_piece() {
    let file = Bytes::from_static(b"{\"a\":1}\n2026-11-22 10:00:00 ERROR it failed\nBoom: x\n");
    let mut asked = Vec::new();
    let found = cut(&file, Position::default(), LIMITS, |waiting, extent| {
        asked.push((waiting, extent));
        false
    });
    assert_eq!(found.records.iter().map(text).collect::<Vec<_>>(), ["{\"a\":1}"]);
    let extent = Extent { start: 8, end: file.len() as u64 };
    assert_eq!(asked, [(Waiting::Record { stream: 0 }, extent)]);
    assert_eq!(found.position.start(), 8);
}

#[test]
fn a_line_without_a_line_end_waits_until_it_is_over() {
    let file = Bytes::from_static(b"{\"a\":1}\n{\"b\":");
    let none = cut(&file, Position::default(), LIMITS, |_, _| false);
    assert_eq!((none.records.len(), none.position), (1, Position::at(8)));
    let taken = cut(&file.slice(8..), Position::at(8), LIMITS, |_, _| true);
    assert_eq!(taken.records.iter().map(text).collect::<Vec<_>>(), ["{\"b\":"]);
    assert_eq!(taken.position, Position::at(13));
}

#[test]
fn what_is_left_of_a_line_that_is_too_long_is_passed_over() {
    let file = [&[b'x'; 1000][..], b"\n{}\n"].concat();
    let (mut position, mut records) = (Position::default(), Vec::new());
    for end in [450, 700, file.len()] {
        let piece = Bytes::copy_from_slice(&file[position.start() as usize..end]);
        let found = cut(&piece, position, LIMITS, |_, _| false);
        records.extend(found.records);
        position = found.position;
    }
    assert_eq!(
        records.iter().map(|record| (record.bytes.len(), record.cut)).collect::<Vec<_>>(),
        [(400, true), (2, false)]
    );
    assert_eq!(position, Position::at(file.len() as u64));
}

#[test]
fn holes_are_passed_over_and_zero_bytes_of_a_line_are_kept() {
    let hole = [0; HOLE_BYTES_MIN];
    assert_eq!(whole(b"\0\0\0\0{}\n\0\0x\n\0\n"), ["{}", "\0\0x", "\0"]);
    assert_eq!(whole(&[b"{}\n", &hole[..], b"x\n\0"].concat()), ["{}", "x", "\0"]);
    assert!(whole(&[b"\n", &hole[..]].concat()).is_empty());
    // A long one, of which no piece shows the end.
    let file = [b"{}\n", &[0; 5 * HOLE_BYTES_MIN][..], b"x\n"].concat();
    let moments: Vec<usize> = (0..file.len()).step_by(300).collect();
    assert_eq!(in_pieces(&file, &moments, 3), ["{}", "x"]);
}

#[test]
fn little_is_read_twice_while_one_stream_waits_and_the_other_does_not() {
    let mut file = cri("stdout", "P", "waits ");
    while file.len() < 70 << 10 {
        file.push_str(&cri("stderr", "F", "{}"));
    }
    let found = cut(&Bytes::from(file.clone()), Position::default(), LIMITS, |_, _| false);
    assert_eq!(found.position.start(), file.len() as u64);
}

/// Lines of all kinds, some without an end to what they begin.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\{\"a\":[0-9]{1,3}\\}",
        "2026-11-22 10:00:0[0-9] ERROR x",
        "    at f \\(a.js:1:[0-9]\\)",
        Just("Traceback (most recent call last):".to_owned()),
        Just("  File \"a.py\", line 1".to_owned()),
        Just("KeyError: 'x'".to_owned()),
        Just(String::new()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        "[a-z ]{0,30}",
        "x{395,800}",
        "\0{1,9}[a-z]{0,3}",
        "\0{505,520}[a-z]{0,3}",
    ]
}

/// As they are, or as a container's.
fn container_line() -> impl Strategy<Value = String> {
    let streams = prop::sample::select(vec!["stdout", "stderr"]);
    let tags = prop::sample::select(vec!["P", "F", "F", "F"]);
    (line(), streams, tags).prop_map(|(line, stream, tag)| {
        let docker = serde_json::json!({"log": format!("{line}{}", if tag == "F" { "\n" } else { "" }), "stream": stream, "time": "t"});
        match line.len() % 2 {
            0 => cri(stream, tag, &line),
            _ => format!("{docker}\n"),
        }
    })
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop::collection::vec(line().prop_map(|line| line + "\n"), 0..40);
    let container = prop::collection::vec(container_line(), 0..40);
    prop_oneof![plain, container].prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #[test]
    fn however_a_file_is_cut_into_pieces_its_records_are_the_same(
        file in file(),
        moments in prop::collection::vec(any::<usize>(), 0..12),
        records_max in 1_usize..20,
    ) {
        let sort = |mut records: Vec<String>| { records.sort(); records };
        prop_assert_eq!(sort(in_pieces(&file, &moments, records_max)), sort(whole(&file)));
    }

    #[test]
    fn every_byte_of_any_file_is_passed_once(file: Vec<u8>, moments: Vec<usize>) {
        in_pieces(&file, &moments, 3);
    }
}
