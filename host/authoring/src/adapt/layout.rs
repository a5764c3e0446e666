//! Constants as the canonical ABI lays them out in memory.

use wit_parser::{Resolve, SizeAlign, Type, TypeDefKind};

/// A constant of some type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// All bits are zero: nothing, false, 0, an empty text or list, none, ok, the first case.
    Zero,
    /// A whole number or a truth value.
    Number(u64),
    /// The parts of a record or tuple.
    Parts(Vec<Value>),
    /// The good result.
    Ok(Box<Value>),
    /// The bad result.
    Error(Box<Value>),
    /// A case of a variant or enum by its name.
    Case(&'static str),
}

/// Sizes of the types of one [`Resolve`].
pub(super) struct Layout<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
}

impl<'a> Layout<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Self { resolve, sizes }
    }

    /// The bytes of a constant; none where the type has no such value.
    pub(super) fn bytes(&self, ty: &Type, value: &Value) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.sizes.size(ty).size_wasm32()];
        self.write(ty, value, &mut bytes)?;
        Some(bytes)
    }

    /// The type behind its names; none where it is one of the simple types.
    fn kind(&self, ty: &Type) -> Option<&'a TypeDefKind> {
        let mut ty = *ty;
        loop {
            let Type::Id(id) = ty else { return None };
            match &self.resolve.types.get(id)?.kind {
                TypeDefKind::Type(named) => ty = *named,
                kind => return Some(kind),
            }
        }
    }

    fn write(&self, ty: &Type, value: &Value, into: &mut [u8]) -> Option<()> {
        match (value, self.kind(ty)) {
            (Value::Zero, _) => Some(()),
            (Value::Number(number), None) => {
                let bytes = number.to_le_bytes();
                into.copy_from_slice(bytes.get(..into.len())?);
                Some(())
            }
            (Value::Parts(values), Some(TypeDefKind::Record(record))) => {
                let types: Vec<Type> = record.fields.iter().map(|field| field.ty).collect();
                self.write_parts(&types, values, into)
            }
            (Value::Parts(values), Some(TypeDefKind::Tuple(tuple))) => {
                self.write_parts(&tuple.types, values, into)
            }
            (Value::Ok(value), Some(TypeDefKind::Result(result))) => {
                self.write_case(0, &[result.ok, result.err], result.ok, value, into)
            }
            (Value::Error(value), Some(TypeDefKind::Result(result))) => {
                self.write_case(1, &[result.ok, result.err], result.err, value, into)
            }
            (Value::Case(name), Some(TypeDefKind::Variant(variant))) => {
                let case = variant.cases.iter().position(|case| case.name == *name)?;
                *into.first_mut()? = u8::try_from(case).ok()?;
                Some(())
            }
            (Value::Case(name), Some(TypeDefKind::Enum(cases))) => {
                let case = cases.cases.iter().position(|case| case.name == *name)?;
                *into.first_mut()? = u8::try_from(case).ok()?;
                Some(())
            }
            _ => None,
        }
    }

    fn write_parts(&self, types: &[Type], values: &[Value], into: &mut [u8]) -> Option<()> {
        if types.len() != values.len() {
            return None;
        }
        for ((offset, ty), value) in self.sizes.field_offsets(types).into_iter().zip(values) {
            let (start, size) = (offset.size_wasm32(), self.sizes.size(ty).size_wasm32());
            self.write(ty, value, into.get_mut(start..start + size)?)?;
        }
        Some(())
    }

    /// A case of two.
    fn write_case(
        &self,
        case: u8,
        types: &[Option<Type>; 2],
        ty: Option<Type>,
        value: &Value,
        into: &mut [u8],
    ) -> Option<()> {
        *into.first_mut()? = case;
        let Some(ty) = ty else { return (*value == Value::Zero).then_some(()) };
        let start =
            self.sizes.payload_offset(wit_parser::Int::U8, types.iter().map(Option::as_ref)).size_wasm32();
        let size = self.sizes.size(&ty).size_wasm32();
        self.write(&ty, value, into.get_mut(start..start + size)?)
    }
}
