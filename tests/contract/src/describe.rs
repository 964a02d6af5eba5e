//! An interface's items as texts that are equal where the items are. Documentation is no part of them.

use std::collections::BTreeMap;

use wit_parser::{Function, Handle, InterfaceId, Type, TypeDefKind, TypeId, TypeOwner};

use crate::Contract;

/// `func NAME`, `resource NAME` and `type NAME`, and what each is.
pub(crate) type Items = BTreeMap<String, String>;

impl Contract {
    pub(crate) fn items(&self, interface: InterfaceId) -> Items {
        let interface = &self.resolve.interfaces[interface];
        let functions = interface.functions.values();
        let functions =
            functions.map(|function| (format!("func {}", function.name), self.function(function)));
        let types = interface.types.iter().map(|(name, id)| {
            let kind = &self.resolve.types[*id].kind;
            let word = match kind {
                TypeDefKind::Resource => "resource",
                _ => "type",
            };
            (format!("{word} {name}"), self.definition(kind))
        });
        functions.chain(types).collect()
    }

    fn function(&self, function: &Function) -> String {
        let parameters = function
            .params
            .iter()
            .map(|parameter| format!("{}: {}", parameter.name, self.name(&parameter.ty)));
        let way = if function.kind.is_async() {
            "async "
        } else {
            ""
        };
        format!(
            "{way}({}) -> {}",
            list(parameters),
            self.perhaps(function.result.as_ref())
        )
    }

    /// What a type is made of.
    fn definition(&self, kind: &TypeDefKind) -> String {
        match kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields =
                    fields.map(|field| format!("{}: {}", field.name, self.name(&field.ty)));
                format!("record {{{}}}", list(fields))
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases =
                    cases.map(|case| format!("{}({})", case.name, self.perhaps(case.ty.as_ref())));
                format!("variant {{{}}}", list(cases))
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter().map(|case| case.name.clone());
                format!("enum {{{}}}", list(cases))
            }
            TypeDefKind::Flags(flags) => {
                let flags = flags.flags.iter().map(|flag| flag.name.clone());
                format!("flags {{{}}}", list(flags))
            }
            TypeDefKind::Tuple(tuple) => {
                format!(
                    "tuple<{}>",
                    list(tuple.types.iter().map(|ty| self.name(ty)))
                )
            }
            TypeDefKind::Result(result) => format!(
                "result<{}, {}>",
                self.perhaps(result.ok.as_ref()),
                self.perhaps(result.err.as_ref())
            ),
            TypeDefKind::Option(ty) => format!("option<{}>", self.name(ty)),
            TypeDefKind::List(ty) => format!("list<{}>", self.name(ty)),
            TypeDefKind::FixedLengthList(ty, length) => {
                format!("list<{}, {length}>", self.name(ty))
            }
            TypeDefKind::Map(key, value) => {
                format!("map<{}, {}>", self.name(key), self.name(value))
            }
            TypeDefKind::Future(ty) => format!("future<{}>", self.perhaps(ty.as_ref())),
            TypeDefKind::Stream(ty) => format!("stream<{}>", self.perhaps(ty.as_ref())),
            TypeDefKind::Handle(Handle::Own(id)) => format!("own<{}>", self.named(*id)),
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.named(*id)),
            TypeDefKind::Type(ty) => self.name(ty),
            TypeDefKind::Resource => "resource".into(),
            TypeDefKind::Unknown => "unknown".into(),
        }
    }

    fn perhaps(&self, ty: Option<&Type>) -> String {
        ty.map_or_else(|| "_".into(), |ty| self.name(ty))
    }

    fn name(&self, ty: &Type) -> String {
        match ty {
            Type::Id(id) => self.named(*id),
            plain => format!("{plain:?}").to_lowercase(),
        }
    }

    /// `interface.name` of a type that has a name, else what it is. The version of the package is no part of it.
    fn named(&self, id: TypeId) -> String {
        let ty = &self.resolve.types[id];
        match (&ty.name, ty.owner) {
            (Some(name), TypeOwner::Interface(owner)) => {
                format!("{}.{name}", self.interface(owner))
            }
            _ => self.definition(&ty.kind),
        }
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
