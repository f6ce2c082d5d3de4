//! Finds the shape of a type by deserializing it from nothing: a deserializer that notes what it is asked for and answers
//! with some value.
//!
//! Invariants: every variant of every enum is seen, also inside lists and options, and by its place in the enum, which is
//! what the encoding writes. Two types of one name in one value are an error, and so are types that ask for no fixed form.

use std::collections::BTreeMap;

use serde::de::value::{Error, U32Deserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

/// What texts and bytes are answered with: a valid domain name, and enough for a UUID.
const TEXT: &str = "a.";
const BYTES: &[u8] = &[1; 16];
/// Deeper than any message, so deeper means endless.
const DEPTH: usize = 40;

/// What is known of the named types.
#[derive(Default)]
struct Known {
    types: BTreeMap<&'static str, String>,
    enums: BTreeMap<&'static str, Variants>,
}

#[derive(Default)]
struct Variants {
    all: usize,
    visits: usize,
    seen: BTreeMap<usize, String>,
}

/// The shape of `T`, and one line for each named type in it.
pub(crate) fn explore<T: DeserializeOwned>() -> Result<(String, Vec<String>), String> {
    let mut known = Known::default();
    // An enum shows one variant a visit, in turn, so what only the last variant of an outer one holds is reached, too.
    for _ in 0..10_000 {
        let mut shape = String::new();
        T::deserialize(Explorer { known: &mut known, shape: &mut shape, depth: 0 })
            .map_err(|error| format!("{error} (at {shape})"))?;
        if known.enums.values().all(|variants| variants.seen.len() == variants.all) {
            return Ok((shape, known.lines()));
        }
    }
    Err("its enums have no end".to_owned())
}

impl Known {
    fn lines(self) -> Vec<String> {
        let enums = self.enums.into_iter().map(|(name, variants)| {
            let variants = variants.seen.into_iter().map(|(index, shape)| format!("{index}={shape}"));
            format!("type {name} {}", variants.collect::<Vec<_>>().join(" | "))
        });
        let types = self.types.into_iter().map(|(name, shape)| format!("type {name} {shape}"));
        enums.chain(types).collect()
    }

    fn note(&mut self, name: &'static str, shape: &str) -> Result<(), Error> {
        let first = self.types.entry(name).or_insert_with(|| shape.to_owned());
        if first == shape { Ok(()) } else { Err(Error::custom(format!("two types are named {name}"))) }
    }
}

struct Explorer<'a> {
    known: &'a mut Known,
    shape: &'a mut String,
    depth: usize,
}

impl Explorer<'_> {
    /// An explorer for a part, which writes its shape to `shape`.
    fn part<'b>(&'b mut self, shape: &'b mut String) -> Explorer<'b> {
        Explorer { known: self.known, shape, depth: self.depth + 1 }
    }

    fn parts<'b>(&'b mut self, count: usize, shapes: &'b mut Vec<String>) -> Result<Parts<'b>, Error> {
        if self.depth > DEPTH {
            return Err(Error::custom("a type that contains itself cannot be traced"));
        }
        Ok(Parts { known: self.known, left: count, shapes, depth: self.depth + 1 })
    }
}

fn tuple(parts: &[String]) -> String {
    format!("({})", parts.join(", "))
}

fn record(names: &[&str], parts: &[String]) -> String {
    let fields: Vec<_> = names.iter().zip(parts).map(|(name, shape)| format!("{name}: {shape}")).collect();
    format!("{{ {} }}", fields.join(", "))
}

macro_rules! primitives {
    ($($method:ident $visit:ident $name:literal $value:expr;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.shape.push_str($name);
            visitor.$visit($value)
        }
    )+};
}

impl<'de> Deserializer<'de> for Explorer<'_> {
    type Error = Error;

    primitives! {
        deserialize_bool visit_bool "bool" false;
        deserialize_i8 visit_i8 "i8" 0;
        deserialize_i16 visit_i16 "i16" 0;
        deserialize_i32 visit_i32 "i32" 0;
        deserialize_i64 visit_i64 "i64" 0;
        deserialize_i128 visit_i128 "i128" 0;
        deserialize_u8 visit_u8 "u8" 0;
        deserialize_u16 visit_u16 "u16" 0;
        deserialize_u32 visit_u32 "u32" 0;
        deserialize_u64 visit_u64 "u64" 0;
        deserialize_u128 visit_u128 "u128" 0;
        deserialize_f32 visit_f32 "f32" 0.0;
        deserialize_f64 visit_f64 "f64" 0.0;
        deserialize_char visit_char "char" 'a';
        deserialize_str visit_borrowed_str "str" TEXT;
        deserialize_string visit_borrowed_str "str" TEXT;
        deserialize_bytes visit_borrowed_bytes "bytes" BYTES;
        deserialize_byte_buf visit_borrowed_bytes "bytes" BYTES;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a type that asks what comes next cannot be read from a positional encoding"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.shape.push_str("()");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shape.push_str(name);
        self.known.note(name, "()")?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut inner = String::new();
        let value = visitor.visit_some(self.part(&mut inner))?;
        self.shape.push_str(&format!("option<{inner}>"));
        Ok(value)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shape.push_str(name);
        let mut inner = String::new();
        let value = visitor.visit_newtype_struct(self.part(&mut inner))?;
        self.known.note(name, &format!("({inner})"))?;
        Ok(value)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(1, &mut shapes)?)?;
        self.shape.push_str(&format!("seq<{}>", shapes.join(", ")));
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let mut shapes = Vec::new();
        let value = visitor.visit_map(self.parts(2, &mut shapes)?)?;
        self.shape.push_str(&format!("map<{}>", shapes.join(", ")));
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, length: usize, visitor: V) -> Result<V::Value, Error> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(length, &mut shapes)?)?;
        self.shape.push_str(&tuple(&shapes));
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shape.push_str(name);
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(length, &mut shapes)?)?;
        self.known.note(name, &tuple(&shapes))?;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shape.push_str(name);
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(fields.len(), &mut shapes)?)?;
        self.known.note(name, &record(fields, &shapes))?;
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shape.push_str(name);
        let variants = self.known.enums.entry(name).or_default();
        variants.all = names.len();
        let index = variants.visits % names.len().max(1);
        variants.visits += 1;
        let mut shape = String::new();
        let part = self.part(&mut shape);
        let value = visitor.visit_enum(Variant { index, part })?;
        let shape = format!("{}{shape}", names.get(index).copied().unwrap_or_default());
        let variants = self.known.enums.entry(name).or_default();
        let first = variants.seen.entry(index).or_insert_with(|| shape.clone());
        if *first == shape { Ok(value) } else { Err(Error::custom(format!("two enums are named {name}"))) }
    }
}

/// Elements, fields, or keys and values.
struct Parts<'a> {
    known: &'a mut Known,
    left: usize,
    shapes: &'a mut Vec<String>,
    depth: usize,
}

impl Parts<'_> {
    fn next<'de, T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut shape = String::new();
        let value = seed.deserialize(Explorer { known: self.known, shape: &mut shape, depth: self.depth })?;
        self.shapes.push(shape);
        Ok(Some(value))
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.next(seed)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.next(seed)?.ok_or_else(|| Error::custom("a key without a value"))
    }
}

struct Variant<'a> {
    index: usize,
    part: Explorer<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = Explorer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Explorer<'a>), Error> {
        let index: U32Deserializer<Error> = u32::try_from(self.index).unwrap_or(u32::MAX).into_deserializer();
        Ok((seed.deserialize(index)?, self.part))
    }
}

impl<'de> VariantAccess<'de> for Explorer<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(mut self, seed: T) -> Result<T::Value, Error> {
        let mut inner = String::new();
        let value = seed.deserialize(self.part(&mut inner))?;
        self.shape.push_str(&format!("({inner})"));
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut shapes = Vec::new();
        let value = visitor.visit_seq(self.parts(fields.len(), &mut shapes)?)?;
        self.shape.push_str(&format!(" {}", record(fields, &shapes)));
        Ok(value)
    }
}
