//! What cannot be encoded or read is refused with words.

use streamgauge_sql::encode::{self, EncodeError, ManifestError};
use streamgauge_sql::expr::{Code, Expr, Node};
use streamgauge_sql::manifest::Manifest;
use streamgauge_sql::types::DataType;

use crate::assert_agree;
use crate::batch::Batch;
use crate::guest::Shell;
use crate::manifests::manifest;
use crate::random::Random;

/// `- - ... - x`
fn nested(depth: usize) -> Code {
    let mut expr = Expr { node: Node::Column(0), data_type: DataType::Int64 };
    for _ in 0..depth {
        expr = Expr { node: Node::Negate(Box::new(expr)), data_type: DataType::Int64 };
    }
    Code { arguments: vec![DataType::Int64], filter: None, computed: vec![expr] }
}

fn encode(code: &Code) -> Result<Vec<u8>, EncodeError> {
    encode::component(&manifest(Some(code), None), Some(code), None)
}

#[test]
fn what_is_too_much_is_refused() {
    let shell = Shell::compile();
    let batch = Batch::random(&mut Random::new(1), &[DataType::Int64]);
    let code = nested(499);
    assert_agree(&code, &batch, &shell.instantiate(&code).call(&batch)).unwrap();
    assert!(matches!(encode(&nested(500)), Err(EncodeError::TooDeep { limit: 500 })));

    let many = |columns| Code { computed: vec![nested(0).computed.remove(0); columns], ..nested(0) };
    let code = many(300);
    assert_agree(&code, &batch, &shell.instantiate(&code).call(&batch)).unwrap();
    assert!(matches!(encode(&many(20_000)), Err(EncodeError::TooLarge { .. })));
}

#[test]
fn what_is_not_well_typed_is_refused() {
    let mut code = nested(1);
    code.computed[0].data_type = DataType::Text;
    assert!(matches!(encode(&code), Err(EncodeError::IllTyped(_))));
    let code = Code { arguments: vec![DataType::Text], ..nested(0) };
    assert!(matches!(encode(&code), Err(EncodeError::IllTyped(_))));
    let code = Code { filter: nested(0).computed.pop(), ..nested(0) };
    assert!(matches!(encode(&code), Err(EncodeError::IllTyped(_))));
}

#[test]
fn manifest_and_code_must_say_the_same() {
    let code = nested(1);
    let mut manifest = manifest(Some(&code), None);
    assert!(matches!(
        encode::component(&manifest, None, None),
        Err(EncodeError::Disagreement { stage: "ingest", .. })
    ));
    manifest.ingest.as_mut().unwrap().computed.clear();
    let error = encode::component(&manifest, Some(&code), None).unwrap_err();
    assert_eq!(error.to_string(), "the manifest's ingest does not describe its code: computed");
}

#[test]
fn a_manifest_is_read_from_a_query_only() {
    let component = encode(&nested(1)).unwrap();
    for length in (0..200).chain(component.len() - 200..component.len()) {
        assert!(encode::manifest(&component[..length]).is_err(), "{length} bytes");
    }
    assert!(matches!(encode::manifest(b"\0asm\x01\0\0\0"), Err(ManifestError::NotComponent)));
    let manifest = encode::manifest(&component).unwrap();
    let newer = Manifest { format: 9, ..manifest };
    let component = encode::component(&newer, Some(&nested(1)), None).unwrap();
    assert!(matches!(encode::manifest(&component), Err(ManifestError::Format(9))));
}
