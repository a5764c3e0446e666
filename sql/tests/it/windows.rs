//! Which windows each spelling means.

use streamgauge_sql::manifest::WindowKind;

use crate::program::manifest;

#[test]
fn windows() {
    let window = |from: &str| {
        let window = manifest(&format!("SELECT count(*) FROM {from}")).window.unwrap();
        (window.kind.slide_us() / 1000, window.kind.size_us() / 1000)
    };
    for from in [
        "HOP(s, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTES)",
        "hop(s, ts, interval 1 minute, interval '300 seconds')",
        "HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)",
        "TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))",
        "TABLE(HOP(s, ts, INTERVAL '60' SECOND, INTERVAL '5m')) AS w",
        "TABLE(HOP(DATA => TABLE s, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '5' MINUTES))",
        "HOP(s, ts, size => INTERVAL '5' MINUTE, slide => INTERVAL '1' MINUTE) w",
        "HOP(source => s, time => TS, size => INTERVAL '5' MINUTE, slide => INTERVAL '1' MINUTE)",
    ] {
        assert_eq!(window(from), (60_000, 300_000), "{from}");
    }
    assert_eq!(window("TUMBLE(s, ts, INTERVAL '1 hour 30 minutes')"), (5_400_000, 5_400_000));
    assert_eq!(
        window("TUMBLE(s, ts, size => INTERVAL '250' MILLISECOND) t EMIT ON WINDOW CLOSE"),
        (250, 250)
    );
    assert_eq!(window("HOP(s, ts, INTERVAL '7' SECOND, INTERVAL '0.5' MINUTE)"), (7_000, 30_000));
    assert_eq!(window("TUMBLE(s, ts, INTERVAL '1' WEEK)"), (604_800_000, 604_800_000));
}

#[test]
fn offsets_cumulating_windows_and_sessions() {
    let kind = |from: &str| manifest(&format!("SELECT count(*) FROM {from}")).window.unwrap().kind;
    let (minute, hour, day) = (60_000_000, 3_600_000_000, 86_400_000_000);
    for (offset, hours) in [
        ("INTERVAL '22' HOUR", 22),
        ("INTERVAL '-2' HOUR", 22),
        ("- INTERVAL '2' HOUR", 22),
        ("INTERVAL '46' HOUR", 22),
        ("INTERVAL '0' HOUR", 0),
        ("INTERVAL '-3' DAY", 0),
    ] {
        let tumble = WindowKind::Tumble { size_us: day, offset_us: hours * hour };
        for named in ["", "offset => "] {
            assert_eq!(
                kind(&format!("TUMBLE(s, ts, INTERVAL '1' DAY, {named}{offset})")),
                tumble,
                "{offset}"
            );
        }
        let hop = kind(&format!("HOP(s, ts, INTERVAL '1' HOUR, INTERVAL '1' DAY, {offset})"));
        assert_eq!(hop, WindowKind::Hop { slide_us: hour, size_us: day, offset_us: 0 }, "{offset}");
    }
    let cumulate = |offset_us| WindowKind::Cumulate { step_us: hour, size_us: day, offset_us };
    for (from, offset_us) in [
        ("CUMULATE(s, ts, INTERVAL '1' HOUR, INTERVAL '1' DAY)", 0),
        ("TABLE(CUMULATE(TABLE s, DESCRIPTOR(ts), INTERVAL '60' MINUTES, INTERVAL '24' HOURS))", 0),
        (
            "TABLE(CUMULATE(DATA => TABLE s, TIMECOL => DESCRIPTOR(ts), STEP => INTERVAL '1h', SIZE => INTERVAL '1d'))",
            0,
        ),
        (
            "CUMULATE(s, ts, size => INTERVAL '1' DAY, step => INTERVAL '1' HOUR, offset => INTERVAL '-1' MINUTE)",
            day - minute,
        ),
    ] {
        assert_eq!(kind(from), cumulate(offset_us), "{from}");
    }
    assert_eq!(
        kind("CUMULATE(s, ts, INTERVAL '1' DAY, INTERVAL '1' DAY)"),
        WindowKind::Tumble { size_us: day, offset_us: 0 }
    );
    let session = |max_length_us| WindowKind::Session { gap_us: 30 * minute, max_length_us };
    for (from, max_length_us) in [
        ("SESSION(s, ts, INTERVAL '30' MINUTE)", day),
        ("TABLE(SESSION(TABLE s, DESCRIPTOR(ts), INTERVAL '30' MINUTES))", day),
        ("SESSION(s, ts, gap => INTERVAL '30' MINUTE, max_length => INTERVAL '1' HOUR)", hour),
        ("SESSION(s, ts, INTERVAL '30' MINUTE, INTERVAL '30' MINUTE)", 30 * minute),
    ] {
        assert_eq!(kind(from), session(max_length_us), "{from}");
    }
    assert_eq!(
        kind("SESSION(s, ts, INTERVAL '2' DAY)"),
        WindowKind::Session { gap_us: 2 * day, max_length_us: 2 * day }
    );
}
