//! `.npy` files that NumPy wrote, and all that can be wrong with one.

use moe_runtime::{codes, npy, Element, Tensor};
use std::path::{Path, PathBuf};

fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn header(descr: &str, order: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}")
}

fn message(bytes: Vec<u8>) -> String {
    let error = npy::parse("X", bytes).expect_err("the file is wrong");
    assert_eq!(error.code(), codes::TENSOR_FILE);
    error.message().replace("cannot read X: ", "")
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

#[test]
fn files_of_numpy_are_written_back_as_they_were() {
    for name in
        ["fashion/pictures.npy", "fashion/labels.npy", "fashion/expected_gate.npy", "mixtral/expected.npy"]
    {
        let path = example(name);
        let tensor = npy::read(&path).unwrap();
        let mut written = npy::header(tensor.element(), tensor.shape());
        written.extend(tensor.bytes());
        assert!(written == std::fs::read(&path).unwrap(), "{name}");
    }
    let pictures = npy::read(&example("fashion/pictures.npy")).unwrap();
    assert_eq!((pictures.element(), pictures.shape()), (Element::U8, [512, 784].as_slice()));
}

#[test]
fn every_element_type_and_rank_comes_back() {
    for element in Element::ALL {
        for shape in [vec![], vec![0], vec![1], vec![7], vec![2, 0, 3], vec![2, 3, 4]] {
            let mut tensor = Tensor::zeros(element, shape).unwrap();
            tensor.bytes_mut().iter_mut().enumerate().for_each(|(index, byte)| *byte = (index % 2) as u8);
            let mut bytes = npy::header(element, tensor.shape());
            assert_eq!(bytes.len() % 64, 0);
            bytes.extend(tensor.bytes());
            assert_eq!(npy::parse("X", bytes).unwrap(), tensor);
        }
    }
}

#[test]
fn very_many_axes_need_the_second_version() {
    let shape = vec![1; 40_000];
    let mut bytes = npy::header(Element::U8, &shape);
    assert_eq!(bytes[6], 2);
    bytes.push(3);
    assert_eq!(npy::parse("X", bytes).unwrap().shape(), shape);
}

#[test]
fn all_versions_and_both_byte_orders_are_read() {
    let one = 1.5_f32;
    for version in [1, 2, 3] {
        let little = file(version, &header("'<f4'", "False", "(1,)"), &one.to_le_bytes());
        assert_eq!(npy::parse("X", little).unwrap().to_f64(), [1.5]);
        let big = file(version, &header("'>f4'", "False", "(1,)"), &one.to_be_bytes());
        assert_eq!(npy::parse("X", big).unwrap().to_f64(), [1.5]);
    }
    let python_2 = file(1, "{\"shape\": (2L,), 'fortran_order': False, 'descr': '|u1'}  \n", &[3, 4]);
    assert_eq!(npy::parse("X", python_2).unwrap().to_f64(), [3.0, 4.0]);
    let row = file(1, &header("'|u1'", "True", "(2,)"), &[3, 4]);
    assert_eq!(npy::parse("X", row).unwrap().to_f64(), [3.0, 4.0]);
}

#[test]
fn files_that_are_cut_short_or_too_long_are_refused() {
    let whole = file(1, &header("'<f4'", "False", "(2, 1)"), &[0; 8]);
    for length in 0..whole.len() {
        message(whole[..length].to_vec());
    }
    assert_eq!(
        message(whole[..whole.len() - 1].to_vec()),
        "its header claims f32[2, 1], 8 bytes, and 7 follow; it is cut short"
    );
    let mut longer = whole;
    longer.push(0);
    assert_eq!(
        message(longer),
        "its header claims f32[2, 1], 8 bytes, and 9 follow; something follows the entries"
    );
    let huge = file(1, &header("'<f4'", "False", "(1152921504606846976,)"), &[]);
    assert!(message(huge).ends_with("4611686018427387904 bytes, and 0 follow; it is cut short"));
    let overflowing = file(1, &header("'<f8'", "False", "(9223372036854775807, 4)"), &[]);
    assert!(message(overflowing).ends_with("which is beyond 64 bits"));
    let mut lying = file(2, &header("'<f4'", "False", "()"), &[0; 4]);
    lying[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(message(lying), "its header is cut short");
}

#[test]
fn what_is_no_plain_row_major_array_is_refused() {
    let of = |descr: &str, order: &str, shape: &str| message(file(1, &header(descr, order, shape), &[0; 8]));
    assert_eq!(
        of("'<f4'", "True", "(2, 1)"),
        "its entries are in column-major order; write it with numpy.ascontiguousarray"
    );
    assert_eq!(of("'|O'", "False", "(1,)"), "its entries are Python objects, which are not read");
    assert_eq!(
        of("[('a', '<f4')]", "False", "(1,)"),
        "its entries are structures; only plain numbers are read"
    );
    assert_eq!(of("'<c8'", "False", "(1,)"), "its entries are of type `<c8`, which programs do not have");
    assert_eq!(of("'<U2'", "False", "(1,)"), "its entries are of type `<U2`, which programs do not have");
    assert_eq!(of("''", "False", "(1,)"), "its entries are of type ``, which programs do not have");
    assert_eq!(of("3", "False", "(1,)"), "its header has no element type");
    assert_eq!(of("'<f4'", "0", "(2,)"), "its header does not say the order of its entries");
    assert_eq!(of("'<f4'", "False", "2"), "its header has no shape");
    assert_eq!(of("'<f4'", "False", "('a',)"), "its header has a shape that is no list of sizes");
    let dictionary = "its header is no dictionary of `descr`, `fortran_order` and `shape`";
    assert_eq!(of("'<f4'", "False", "(-2,)"), dictionary);
    assert_eq!(of("'<f4'", "False", "((((((((((((1))))))))))))"), dictionary);
    assert_eq!(message(b"PK\x03\x04".to_vec()), "it is no `.npy` file");
    assert_eq!(message(file(9, "", &[])), "it is of version 9 of the format; 1 to 3 are known");
    assert_eq!(message(file(1, "[]", &[])), dictionary);
    assert_eq!(message(file(1, "{'descr': '<f4'}", &[])), "its header has no `fortran_order`");
    assert_eq!(message(file(1, "{'descr': '<f4', 'descr': '<f4'}", &[])), "its header has `descr` twice");
    assert_eq!(message(file(1, "{'other': '<f4'}", &[])), "its header has the unknown key `other`");
    let truths = file(1, &header("'|b1'", "False", "(2,)"), &[1, 2]);
    assert_eq!(message(truths), "a truth value in it is neither 0 nor 1");
}

#[test]
fn files_that_are_not_there_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    assert!(npy::read(folder.path()).unwrap_err().message().ends_with("it is a folder"));
    let missing = npy::read(&folder.path().join("none.npy")).unwrap_err();
    assert!(missing.message().ends_with("none.npy: No such file or directory (os error 2)"));
}
