//! The graph of references: checks that all references are valid, and orders the resources.

use std::collections::BTreeMap;

use crate::error::{Error, Location};
use crate::expression::{Expression, References};
use crate::program::{MEMBERS, Named, PULUMI, Program};
use crate::reference::{Access, Part, Reference};
use crate::resource::Declaration;

/// Rejects duplicate names and references to something that does not exist.
pub(crate) fn check(program: &Program) -> Result<(), Error> {
    check_names(program)?;
    let expressions = program.variables.iter().chain(&program.outputs).map(|(_, value)| value.references());
    let resources = program.resources.iter().map(Declaration::references);
    for resource in &program.resources {
        check_protect(program, resource)?;
        resource.earlier.iter().try_for_each(|reference| check_resource(program, reference))?;
    }
    for References { values, resources } in expressions.chain(resources) {
        values.into_iter().try_for_each(|reference| check_value(program, reference))?;
        resources.into_iter().try_for_each(|reference| check_resource(program, reference))?;
    }
    Ok(())
}

fn check_names(program: &Program) -> Result<(), Error> {
    let mut seen = BTreeMap::from([(PULUMI, "a variable of Pulumi")]);
    let config = program.config.iter().map(|key| (key.name.as_str(), "config", "a config key"));
    let variables = program.variables.iter().map(|(name, _)| (name.as_str(), "variables", "a variable"));
    let resources =
        program.resources.iter().map(|resource| (resource.name.as_str(), "resources", "a resource"));
    for (name, section, kind) in config.chain(variables).chain(resources) {
        if let Some(other) = seen.insert(name, kind) {
            return Err(Error::DuplicateName { location: program.location.key(section).key(name), other });
        }
    }
    Ok(())
}

/// A resource itself is not a value, but its outputs are.
fn check_value(program: &Program, reference: &Reference) -> Result<(), Error> {
    let (location, first) = (reference.location.clone(), reference.first_member());
    match program.named(&reference.root) {
        Some(Named::Pulumi)
            if reference.path.len() == 1 && first.is_some_and(|name| MEMBERS.contains(&name)) =>
        {
            Ok(())
        }
        Some(Named::Config(_)) => Ok(()),
        Some(Named::Variable(value)) => check_path(program, value, &reference.path, &location, MAX_DEPTH),
        Some(Named::Resource(_)) if first.is_some() => Ok(()),
        Some(Named::Resource(_)) => Err(Error::WholeResource { location, name: reference.root.clone() }),
        Some(Named::Pulumi) | None => {
            Err(Error::UnknownReference { location, reference: reference.to_string() })
        }
    }
}

/// The largest number of variables through which a path is followed. Beyond it, the path is not checked.
const MAX_DEPTH: usize = 16;

/// Rejects a path into the literals of a program that Pulumi rejects because of their types.
fn check_path(
    program: &Program,
    value: &Expression,
    path: &[Access],
    location: &Location,
    depth: usize,
) -> Result<(), Error> {
    let Some((access, rest)) = path.split_first() else { return Ok(()) };
    let not_supported = |what: &str, instead| {
        Err(Error::NotSupported { location: location.clone(), what: what.to_owned(), instead })
    };
    match (value, access) {
        (Expression::Map(_), Access::Key(_)) => {
            not_supported("a name in brackets, for an object of the program,", "write a dot and the name")
        }
        (Expression::Map(members), Access::Member(name)) => {
            let is_named = |key: &[Part]| matches!(key, [Part::Text(text)] if text == name);
            match members.iter().find(|(key, _)| is_named(key)) {
                Some((_, value)) => check_path(program, value, rest, location, depth),
                None => Ok(()),
            }
        }
        (Expression::List(items), Access::Element(index)) => {
            let mut kinds = items.iter().map(std::mem::discriminant);
            let first = kinds.next();
            if !rest.is_empty() && kinds.any(|kind| Some(kind) != first) {
                let what = "a path into an element of a list with elements of several types";
                return not_supported(what, "write the element as a variable");
            }
            match items.get(*index) {
                Some(value) => check_path(program, value, rest, location, depth),
                None => Ok(()),
            }
        }
        (Expression::Reference(reference), _) if depth > 0 => match program.named(&reference.root) {
            Some(Named::Variable(value)) => {
                let path = [reference.path.as_slice(), path].concat();
                check_path(program, value, &path, location, depth - 1)
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Pulumi evaluates the option `protect` before anything but the configuration is certain to be known.
fn check_protect(program: &Program, resource: &Declaration) -> Result<(), Error> {
    for reference in resource.protect.references().values {
        check_value(program, reference)?;
        if !matches!(program.named(&reference.root), Some(Named::Config(_))) {
            return Err(Error::NotSupported {
                location: reference.location.clone(),
                what: "a computed value".to_owned(),
                instead: "refer to a config key",
            });
        }
    }
    Ok(())
}

fn check_resource(program: &Program, reference: &Reference) -> Result<(), Error> {
    match program.named(&reference.root) {
        Some(Named::Resource(_)) => Ok(()),
        _ => Err(Error::NoResource { location: reference.location.clone() }),
    }
}

/// Returns the resources in the order of the file, except that each follows the resources that it needs.
pub(crate) fn order(program: &Program) -> Result<Vec<String>, Error> {
    let mut walk = Walk { program, path: Vec::new(), done: Vec::new() };
    for resource in &program.resources {
        walk.visit(&resource.name)?;
    }
    let is_resource = |name: &&str| matches!(program.named(name), Some(Named::Resource(_)));
    let order: Vec<&str> = walk.done.into_iter().filter(is_resource).collect();
    let position = |name: &str| order.iter().position(|known| *known == name);
    for resource in &program.resources {
        let earlier = |reference: &&Reference| position(&reference.root) > position(&resource.name);
        if let Some(later) = resource.earlier.iter().find(earlier) {
            return Err(Error::NotSupported {
                location: later.location.clone(),
                what: "a reference to a resource that is created later".to_owned(),
                instead: "write that resource first",
            });
        }
    }
    Ok(order.into_iter().map(str::to_owned).collect())
}

/// Returns the resources that a resource needs, directly or through variables, in the order of the file.
pub(crate) fn dependencies(program: &Program, resource: &Declaration) -> Vec<String> {
    let mut found: Vec<&str> = Vec::new();
    let mut names: Vec<&str> = resource.references().roots().collect();
    let mut seen: Vec<&str> = Vec::new();
    while let Some(name) = names.pop() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        match program.named(name) {
            Some(Named::Resource(needed)) => found.push(&needed.name),
            Some(Named::Variable(value)) => names.extend(value.references().roots()),
            _ => {}
        }
    }
    let names = program.resources.iter().map(|resource| &resource.name);
    names.filter(|name| found.contains(&name.as_str())).cloned().collect()
}

/// A depth-first walk along the references.
struct Walk<'a> {
    program: &'a Program,
    /// The names from the start of the walk to the current one.
    path: Vec<&'a str>,
    done: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a str) -> Result<(), Error> {
        if self.done.contains(&name) {
            return Ok(());
        }
        if let Some(start) = self.path.iter().position(|passed| *passed == name) {
            let path = self.path.iter().skip(start).chain([&name]).map(|&name| name.to_owned()).collect();
            return Err(Error::Cycle { path });
        }
        self.path.push(name);
        let program: &'a Program = self.program;
        let references = match program.named(name) {
            Some(Named::Resource(declaration)) => declaration.references(),
            Some(Named::Variable(value)) => value.references(),
            Some(Named::Pulumi | Named::Config(_)) | None => References::default(),
        };
        references.roots().try_for_each(|root| self.visit(root))?;
        self.path.pop();
        self.done.push(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn program(text: &str) -> Result<Program, String> {
        let text = format!("name: p\nruntime: yaml\n{text}");
        Program::parse(&text, Path::new("Pulumi.yaml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_resource_follows_what_it_needs_and_otherwise_keeps_the_order_of_the_file() {
        let text = "
variables: {v: '${d.id}'}
resources:
  a: {type: 't:m:T', properties: {p: ['${v}']}}
  b: {type: 't:m:T'}
  c: {type: 't:m:T', options: {dependsOn: ['${b}', '${e}']}}
  d: {type: 't:m:T'}
  e: {type: 't:m:T'}
";
        let program = program(text).expect("a program");
        assert_eq!(order(&program).expect("an order"), ["d", "a", "b", "e", "c"]);
        assert_eq!(dependencies(&program, &program.resources[0]), ["d"]);
        assert_eq!(dependencies(&program, &program.resources[2]), ["b", "e"]);
    }

    #[test]
    fn a_cycle_is_rejected_with_all_names_on_it() {
        let text = "
variables: {v: '${b.id}'}
resources:
  x: {type: 't:m:T', properties: {p: '${a.id}'}}
  a: {type: 't:m:T', properties: {p: '${v}'}}
  b: {type: 't:m:T', options: {dependsOn: ['${a}']}}
";
        let error = order(&program(text).expect("a program")).expect_err("a cycle").to_string();
        assert!(error.contains("a depends on itself: a -> v -> b -> a;"), "{error}");
    }

    #[test]
    fn a_reference_to_something_that_does_not_exist_is_rejected_with_its_place() {
        let cases = [
            ("outputs: {a: ['${none.id}']}", "outputs.a[0]: ${none.id} does not name a resource"),
            ("outputs: {a: '${pulumi.name}'}", "outputs.a: ${pulumi.name} does not name"),
            ("outputs: {a: '${pulumi}'}", "outputs.a: ${pulumi} does not name"),
            (
                "resources: {r: {type: 't:m:T', properties: {p: {q: 'x${none}'}}}}",
                "resources.r.properties.p.q: ${none}",
            ),
            (
                "resources: {r: {type: 't:m:T'}}\noutputs: {a: '${r}'}",
                "outputs.a: ${r} is a resource, not a value",
            ),
            (
                "resources: {r: {type: 't:m:T'}}\noutputs: {a: '${r[0]}'}",
                "outputs.a: ${r} is a resource, not a value",
            ),
            (
                "variables: {v: 1}\nresources: {r: {type: 't:m:T', options: {parent: '${v}'}}}",
                "options.parent must refer",
            ),
            (
                "resources: {r: {type: 't:m:T', options: {dependsOn: ['${none}']}}}",
                "options.dependsOn[0] must refer",
            ),
        ];
        for (text, problem) in cases {
            let error = program(text).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn two_objects_of_the_same_name_are_rejected() {
        let error = program("config: {a: 1}\nresources: {a: {type: 't:m:T'}}").expect_err("the same name");
        assert!(error.contains("resources.a: a config key of this name already exists"), "{error}");
        let error = program("variables: {pulumi: 1}").expect_err("a reserved name");
        assert!(
            error.contains("variables.pulumi: a variable of Pulumi of this name already exists"),
            "{error}"
        );
    }

    #[test]
    fn the_name_of_a_config_key_may_have_the_project_as_a_prefix() {
        let program = program("config: {a: 1}\noutputs: {b: '${p:a}'}").expect("a program");
        assert!(matches!(program.named("p:a"), Some(Named::Config("a"))));
        assert!(program.named("q:a").is_none());
    }
}
