//! Data files of every format, good and bad, and what is read from them.

use proptest::prelude::*;

use super::*;

fn array(text: &[u8], format: Format, name: &str) -> DataArray {
    let table = parse("d", text, format).expect("the data are right");
    table.array(name).expect("the array is right").expect("the array is there")
}

fn failure(text: &[u8], format: Format, name: &str) -> Failure {
    match parse("d", text, format).and_then(|table| table.array(name)) {
        Ok(array) => panic!("{array:?} was read from {}", String::from_utf8_lossy(text)),
        Err(failure) => failure,
    }
}

fn integers(values: &[i64]) -> Elements {
    Elements::Integer(values.to_vec())
}

fn reals(values: &[f64]) -> Elements {
    Elements::Real(values.to_vec())
}

/// What equality says of NaN does not matter here: the bits do.
fn bits(elements: &Elements) -> Vec<u64> {
    elements.to_reals().into_iter().map(f64::to_bits).collect()
}

#[test]
fn columns_of_csv_are_arrays() {
    let cases: &[(&str, &str, &[usize], Elements)] = &[
        ("y\n1\n2\n", "y", &[2], integers(&[1, 2])),
        ("y\n1\n2.5", "y", &[2], reals(&[1.0, 2.5])),
        ("\u{feff}y,z\r\n1,3\r\n2,4\r\n", "y", &[2], integers(&[1, 2])),
        (" y , z \n 1 , 3 \n\n 2 , 4 \n\n", "z", &[2], integers(&[3, 4])),
        ("\"y\"\n\"1e3\"\n", "y", &[1], reals(&[1000.0])),
        ("y,name\n1,alice\n2,bob\n", "y", &[2], integers(&[1, 2])),
        ("y\n-1\n+2\n", "y", &[2], integers(&[-1, 2])),
        ("y\n9223372036854775807\n", "y", &[1], integers(&[i64::MAX])),
        ("y\n9223372036854775808\n", "y", &[1], reals(&[9_223_372_036_854_775_808.0])),
        ("y\ntrue\nFalse\n", "y", &[2], integers(&[1, 0])),
        ("x.1,x.0\n1,2\n3,4\n", "x", &[2, 2], integers(&[2, 1, 4, 3])),
        ("x.0,x.1\n1,2\n3,4.5\n", "x", &[2, 2], reals(&[1.0, 2.0, 3.0, 4.5])),
        ("x.0.0,x.0.1,x.1.0,x.1.1\n1,2,3,4\n", "x", &[1, 2, 2], integers(&[1, 2, 3, 4])),
        ("x,x.1\n1,2\n", "x", &[1], integers(&[1])),
        ("v1.0,v1.1\n1,2\n", "v1", &[1, 2], integers(&[1, 2])),
        ("x.0,x.1\n1,2\n", "x.1", &[1], integers(&[2])),
    ];
    for (text, name, shape, elements) in cases {
        let found = array(text.as_bytes(), Format::Csv, name);
        assert_eq!((&found.shape[..], &found.elements), (*shape, elements), "{text:?}");
    }
}

#[test]
fn csv_spells_numbers_in_any_common_way() {
    let text =
        "y\n-0\nnan\nNaN\n-nan\ninf\n+Inf\n-INF\nInfinity\n-infinity\n1.#INF\n.5\n5.\n1E-3\n";
    let expected = [
        -0.0,
        f64::NAN,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::INFINITY,
        0.5,
        5.0,
        0.001,
    ];
    let found = array(text.as_bytes(), Format::Csv, "y");
    let expected: Vec<u64> = expected.iter().map(|value: &f64| value.to_bits()).collect();
    assert_eq!(bits(&found.elements), expected);
}

#[test]
fn mistakes_in_csv_say_where_they_are() {
    use DataCode::{Duplicate, Empty, Format as Form, Gap, Number, Ragged};
    let cases: &[(&str, DataCode, &str)] = &[
        ("", Empty, " d:1\n"),
        ("y\n", Empty, " d:2\n"),
        ("1,2\n3,4\n", Form, " d:1\n"),
        ("y,z\n1,2\n3\n", Ragged, " d:3\n"),
        ("y,z\n1,2\n\n\n3\n", Ragged, " d:5\n"),
        ("y,z\n\"1\n\",2\n3,4,5\n", Ragged, " d:4\n"),
        ("y,z\r\n1,2\r\n3\r\n", Ragged, " d:3\n"),
        ("y,z\n1,2\n3,4,5\n", Ragged, " d:3\n"),
        ("y,z\n1,2\n,4\n", Empty, " d:3:y\n"),
        ("y\n1\none\n2\n", Number, " d:3:y\n"),
        ("y\n1\nNA\n", Number, " d:3:y\n"),
        ("y\n0x10\n", Number, " d:2:y\n"),
        ("y,y\n1,2\n", Duplicate, " d:y\n"),
        ("y.0,y.2\n1,2\n", Gap, "`y.1`"),
        ("y.1,y.2\n1,2\n", Gap, "`y.0`"),
        ("y.0,y.18446744073709551615\n1,2\n", Gap, "`y.1`"),
        ("y.0.0,y.1.1\n1,2\n", Gap, "`y.0.1`"),
        ("y.0,y.1.0\n1,2\n", Gap, "y.1.0"),
        ("y.0,y.0\n1,2\n", Duplicate, " d:y.0\n"),
    ];
    for (text, code, shown) in cases {
        let failure = failure(text.as_bytes(), Format::Csv, "y");
        let told = failure.to_string();
        assert_eq!(failure.code(), Some(*code), "{text:?}: {told}");
        assert!(told.contains(shown), "{text:?}: {told}");
        assert!(told.contains("help: "), "{text:?}: {told}");
    }
    assert_eq!(failure(b"y\n\xff\n", Format::Csv, "y").code(), Some(Number));
    assert_eq!(failure(b"\xff\n1\n", Format::Csv, "y").code(), Some(Form));
}

#[test]
fn columns_are_put_side_by_side() {
    let table = parse("d", b"a,b,c\n1,2,3\n4,5,6.5\n", Format::Csv).expect("the data are right");
    let joined = table.columns(&["b", "a"]).expect("they fit");
    assert_eq!((joined.shape, joined.elements), (vec![2, 2], integers(&[2, 1, 5, 4])));
    let mixed = table.columns(&["c", "a"]).expect("they fit");
    assert_eq!(mixed.elements, reals(&[3.0, 1.0, 6.5, 4.0]));
    let missing = table.columns(&["a", "d"]).expect_err("there is no d");
    assert_eq!(missing.code(), Some(DataCode::Unknown));
    assert!(missing.to_string().contains("`a`, `b`, `c`"), "{missing}");
}

#[test]
fn json_keeps_shapes_and_integers() {
    let cases: &[(&str, &[usize], Elements)] = &[
        (r#"{"y": 3}"#, &[], integers(&[3])),
        (r#"{"y": 3.0}"#, &[], reals(&[3.0])),
        (r#"{"y": true}"#, &[], integers(&[1])),
        (r#"{"y": "Infinity"}"#, &[], reals(&[f64::INFINITY])),
        (r#"{"y": [1, 2, -3]}"#, &[3], integers(&[1, 2, -3])),
        (r#"{"y": [1, 2.5]}"#, &[2], reals(&[1.0, 2.5])),
        (r#"{"y": [[1, 2], [3, 4], [5, 6]]}"#, &[3, 2], integers(&[1, 2, 3, 4, 5, 6])),
        (r#"{"y": []}"#, &[0], integers(&[])),
        (r#"{"y": [[], []]}"#, &[2, 0], integers(&[])),
        (r#"{"y": {"shape": [2, 1], "data": [1, 2]}}"#, &[2, 1], integers(&[1, 2])),
        (r#"{"y": {"data": [1.5], "shape": [1]}, "z": 2}"#, &[1], reals(&[1.5])),
        (r#"{"y": {"data": [], "shape": [0, 4]}}"#, &[0, 4], integers(&[])),
        (r#"{"y": 18446744073709551615}"#, &[], reals(&[18_446_744_073_709_551_615.0])),
    ];
    for (text, shape, elements) in cases {
        let found = array(text.as_bytes(), Format::Json, "y");
        assert_eq!((&found.shape[..], &found.elements), (*shape, elements), "{text}");
    }
}

#[test]
fn mistakes_in_json_say_where_they_are() {
    use DataCode::{Duplicate, Format as Form, Number, Ragged, Shape};
    let deep = format!("{{\"y\": {}", "[".repeat(100_000));
    let cases: &[(&str, DataCode, &str)] = &[
        ("", Form, " d:1:0\n"),
        ("{\"y\": 1", Form, " d:1:7\n"),
        ("{\"y\": 1} 2", Form, " d:1:10\n"),
        ("[1, 2]", Form, "a list"),
        ("3", Form, "a number"),
        ("null", Form, "null"),
        ("{\"y\": 1,\n \"y\": 2}", Duplicate, " d:2:4:y\n"),
        ("{\"y\": [[1, 2], [3]]}", Ragged, ":y[1]\n"),
        ("{\"y\": [[1, 2], 3]}", Ragged, ":y[1]\n"),
        ("{\"y\": [1, [2]]}", Ragged, ":y[1]\n"),
        ("{\"y\": [[], 3]}", Ragged, ":y[1]\n"),
        ("{\"y\": [1,\n \"two\"]}", Number, " d:2:6:y[1]\n"),
        ("{\"y\": [1, null]}", Number, ":y[1]\n"),
        ("{\"y\": 1e999}", Form, "out of range"),
        ("{\"y\": NaN}", Form, "\"NaN\""),
        ("{\"y\": [{}]}", Form, ":y[0]\n"),
        ("{\"y\": {}}", Form, ":y\n"),
        ("{\"y\": {\"shape\": [2]}}", Form, ":y\n"),
        ("{\"y\": {\"shape\": [2], \"data\": [1]}}", Shape, ":y\n"),
        ("{\"y\": {\"shape\": [2], \"data\": [[1, 2]]}}", Shape, ":y\n"),
        ("{\"y\": {\"shape\": [], \"data\": 1}}", Shape, ":y\n"),
        ("{\"y\": {\"shape\": [4294967296, 4294967296], \"data\": [1]}}", Shape, ":y\n"),
        ("{\"y\": {\"shape\": [-1], \"data\": [1]}}", Shape, ":y\n"),
        ("{\"y\": {\"shape\": 1, \"data\": [1]}}", Shape, ":y\n"),
        ("{\"y\": {\"shape\": [1], \"data\": [1], \"data\": [1]}}", Duplicate, ":y\n"),
        ("{\"y\": {\"shape\": [1], \"date\": [1]}}", Form, "`date`"),
        (&deep, Form, "recursion limit"),
    ];
    for (text, code, shown) in cases {
        let failure = failure(text.as_bytes(), Format::Json, "y");
        let told = failure.to_string();
        let start: String = text.chars().take(60).collect();
        assert_eq!(failure.code(), Some(*code), "{start}: {told}");
        assert!(told.contains(shown), "{start}: {told}");
        assert!(told.contains("help: "), "{start}: {told}");
    }
}

/// A `.npy` file with a header as given.
fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).expect("it is short").to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn npy_reads_every_type_in_both_orders_of_bytes() {
    let cases: &[(&str, &[u8], Elements)] = &[
        ("|b1", &[0, 1], integers(&[0, 1])),
        ("|i1", &[0xff, 0x7f], integers(&[-1, 127])),
        ("|u1", &[0xff, 0x7f], integers(&[255, 127])),
        ("<i2", &[0xfe, 0xff], integers(&[-2])),
        (">i2", &[0xff, 0xfe], integers(&[-2])),
        ("<u2", &[0xfe, 0xff], integers(&[65534])),
        (">u4", &[0, 0, 1, 2], integers(&[258])),
        ("<i4", &[0xfd, 0xff, 0xff, 0xff], integers(&[-3])),
        ("<i8", &[0xff; 8], integers(&[-1])),
        (">i8", &[0x80, 0, 0, 0, 0, 0, 0, 0], integers(&[i64::MIN])),
        ("<u8", &[1, 0, 0, 0, 0, 0, 0, 0], integers(&[1])),
        ("<f4", &[0xcd, 0xcc, 0xcc, 0x3d], reals(&[f64::from(0.1_f32)])),
        (">f4", &[0x3d, 0xcc, 0xcc, 0xcd], reals(&[f64::from(0.1_f32)])),
        ("<f8", &0.1_f64.to_le_bytes(), reals(&[0.1])),
        (">f8", &0.1_f64.to_be_bytes(), reals(&[0.1])),
        (
            "<f2",
            &[0x00, 0x3c, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xfc],
            reals(&[1.0, 2.0_f64.powi(-24), 65504.0, f64::NEG_INFINITY]),
        ),
        (">f2", &[0xc5, 0x55], reals(&[-5.332_031_25])),
    ];
    for (code, data, elements) in cases {
        let header = format!(
            "{{'descr': '{code}', 'fortran_order': False, 'shape': ({},), }}\n",
            elements.len()
        );
        let found = array(&npy(&header, data), Format::Npy, "d");
        assert_eq!(found.elements, *elements, "{code}");
    }
}

#[test]
fn npy_reads_column_major_arrays_and_other_layouts_of_the_header() {
    let data = [1, 2, 3, 4, 5, 6];
    let cases: &[(&str, &[usize], &[i64])] = &[
        (
            "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }",
            &[2, 3],
            &[1, 3, 5, 2, 4, 6],
        ),
        ("{'descr': '|u1', 'fortran_order': True, 'shape': (6,), }", &[6], &[1, 2, 3, 4, 5, 6]),
        (
            "{\"shape\":(3,2),\"fortran_order\":False,\"descr\":\"u1\"}   \n",
            &[3, 2],
            &[1, 2, 3, 4, 5, 6],
        ),
        (
            "{'descr': '|u1', 'fortran_order': True, 'shape': (1L, 2L, 3L), }",
            &[1, 2, 3],
            &[1, 3, 5, 2, 4, 6],
        ),
    ];
    for (header, shape, values) in cases {
        let found = array(&npy(header, &data), Format::Npy, "d");
        assert_eq!((&found.shape[..], found.elements), (*shape, integers(values)), "{header}");
    }
    let scalar = npy("{'descr': '|i1', 'fortran_order': False, 'shape': (), }", &[7]);
    assert_eq!(array(&scalar, Format::Npy, "d").shape, [0_usize; 0]);
}

#[test]
fn mistakes_in_npy_are_told() {
    use DataCode::{Format as Form, Number, Shape, Type};
    let with = |descr: &str, shape: &str| {
        format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")
    };
    let cases: &[(Vec<u8>, DataCode, &str)] = &[
        (Vec::new(), Form, "to its end"),
        (b"\x93NUMPY\x01\x00\xff".to_vec(), Form, "to its end"),
        (b"hello, world".to_vec(), Form, "NUMPY"),
        (b"\x93NUMPY\x09\x00\x01\x00 ".to_vec(), Form, "version 9"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), Form, "4294967295"),
        (npy("{}", &[]), Form, "dictionary"),
        (npy(&"(".repeat(60_000), &[]), Form, "dictionary"),
        (npy(&with("'|O'", "(1,)"), &[]), Type, "Python objects"),
        (npy(&with("'<c16'", "(1,)"), &[]), Type, "complex"),
        (npy(&with("'<U3'", "(1,)"), &[]), Type, "strings"),
        (npy(&with("[('a', '<f4')]", "(1,)"), &[]), Type, "several fields"),
        (npy(&with("'<f16'", "(1,)"), &[]), Type, "`<f16`"),
        (npy(&with("'<f4'", "(2,)"), &[0; 7]), Shape, "8 bytes"),
        (npy(&with("'<f4'", "(2,)"), &[0; 9]), Shape, "8 bytes"),
        (npy(&with("'<f4'", "(-2,)"), &[0; 8]), Form, "dictionary"),
        (npy(&with("'<f4'", "(4294967296, 4294967296)"), &[]), Shape, "counted"),
        (npy(&with("'<f8'", "(2305843009213693952,)"), &[]), Shape, "counted"),
        (npy(&with("'<f8'", "(1000000000000,)"), &[0; 8]), Shape, "only 8"),
        (npy(&with("'<u8'", "(1,)"), &[0xff; 8]), Number, "element 0"),
    ];
    for (bytes, code, shown) in cases {
        let failure = failure(bytes, Format::Npy, "d");
        let told = failure.to_string();
        assert_eq!(failure.code(), Some(*code), "{told}");
        assert!(told.contains(shown) && told.contains("help: "), "{told}");
    }
}

#[test]
fn an_archive_that_is_written_is_read_back() {
    let single = [0.1_f32, f32::NAN, -0.0, 3.0, 1e-40, f32::INFINITY];
    let double = [0.1_f64];
    let written =
        write_npz(&[("logits", &[2, 3], Numbers::F32(&single)), ("s", &[], Numbers::F64(&double))])
            .expect("it is written");
    let found = array(&written, Format::Npz, "logits");
    assert_eq!(found.shape, [2, 3]);
    let expected = Elements::Real(single.iter().map(|value| f64::from(*value)).collect());
    assert_eq!(bits(&found.elements), bits(&expected));
    let scalar = array(&written, Format::Npz, "s");
    assert_eq!((scalar.shape, scalar.elements), (vec![], reals(&double)));
    for length in 0..written.len() {
        // A prefix is refused, or lacks nothing that was asked for.
        if let Ok(table) = parse("d", &written[..length], Format::Npz) {
            assert!(table.array("logits").is_err(), "{length}");
        }
    }
    assert_eq!(failure(b"PK\x03\x04", Format::Npz, "y").code(), Some(DataCode::Format));
}

#[test]
fn the_format_is_guessed_from_the_name_then_from_the_first_byte() {
    for (name, format) in [
        ("a.csv", Some(Format::Csv)),
        ("a.b/c.NPZ", Some(Format::Npz)),
        ("a.npy", Some(Format::Npy)),
        ("a.json", Some(Format::Json)),
        ("a.txt", None),
        ("-", None),
    ] {
        assert_eq!(by_extension(name), format, "{name}");
    }
    for (bytes, format) in [
        (&b" \n{\"y\": 1}"[..], Format::Json),
        (b"\x93NUMPY", Format::Npy),
        (b"PK\x03\x04", Format::Npz),
        (b"PK,y\n", Format::Csv),
        (b"", Format::Csv),
    ] {
        assert_eq!(by_content(bytes), format, "{bytes:?}");
    }
}

#[test]
fn near_columns_are_suggested() {
    let table =
        parse("d", b"logits.0,logits.1,label\n1,2,0\n", Format::Csv).expect("the data are right");
    assert_eq!(table.names(), ["logits", "label"]);
    assert!(table.no_column("logit").to_string().contains("there is `logits`"));
    assert!(table.no_column("truth").to_string().contains("the columns are `logits`, `label`"));
}

/// Data of every format, to be damaged.
fn seeds() -> Vec<Vec<u8>> {
    let archive = write_npz(&[("y", &[2], Numbers::F32(&[1.0, 2.0]))]).expect("it is written");
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }";
    vec![
        b"y,x.0,x.1\n1,2.5,nan\n3,-4,\"5\"\n".to_vec(),
        br#"{"y": [[1, 2], [3, 4]], "x": {"shape": [2, 1], "data": ["NaN", 1e5]}}"#.to_vec(),
        npy(header, &[0; 8]),
        archive,
    ]
}

fn read_all(bytes: &[u8]) {
    for format in [Format::Csv, Format::Json, Format::Npy, Format::Npz] {
        let Ok(table) = parse("d", bytes, format) else { continue };
        for name in table.names().into_iter().chain(["x", "y", "d"]) {
            if let Ok(Some(array)) = table.array(name) {
                assert_eq!(count(&array.shape), Some(array.elements.len()), "{name}");
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn damaged_files_never_panic(
        seed in 0_usize..4,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = seeds().swap_remove(seed);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(length.index(bytes.len()));
        }
        read_all(&bytes);
    }
}
