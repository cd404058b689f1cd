//! What needs what: whether every reference names something, and in which order resources can be made.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::expression::References;
use crate::program::{MEMBERS, Named, PULUMI, Program};
use crate::reference::Reference;
use crate::resource::Declaration;

/// Refuses names that stand for two things, and references to nothing.
pub(crate) fn check(program: &Program) -> Result<(), Error> {
    check_names(program)?;
    let expressions = program.variables.iter().chain(&program.outputs).map(|(_, value)| value.references());
    let resources = program.resources.iter().map(Declaration::references);
    for References { values, resources } in expressions.chain(resources) {
        values.into_iter().try_for_each(|reference| check_value(program, reference))?;
        resources.into_iter().try_for_each(|reference| check_resource(program, reference))?;
    }
    Ok(())
}

fn check_names(program: &Program) -> Result<(), Error> {
    let mut seen = BTreeMap::from([(PULUMI, "a variable of Pulumi's own")]);
    let config = program.config.iter().map(|key| (key.name.as_str(), "config", "a config key"));
    let variables = program.variables.iter().map(|(name, _)| (name.as_str(), "variables", "a variable"));
    let resources =
        program.resources.iter().map(|resource| (resource.name.as_str(), "resources", "a resource"));
    for (name, section, kind) in config.chain(variables).chain(resources) {
        if let Some(other) = seen.insert(name, kind) {
            return Err(Error::DuplicateName { place: program.place.key(section).key(name), other });
        }
    }
    Ok(())
}

/// A resource itself is no value; its outputs are.
fn check_value(program: &Program, reference: &Reference) -> Result<(), Error> {
    let (place, first) = (reference.place.clone(), reference.first_member());
    match program.named(&reference.root) {
        Some(Named::Pulumi)
            if reference.path.len() == 1 && first.is_some_and(|name| MEMBERS.contains(&name)) =>
        {
            Ok(())
        }
        Some(Named::Config(_) | Named::Variable(_)) => Ok(()),
        Some(Named::Resource(_)) if first.is_some() => Ok(()),
        Some(Named::Resource(_)) => Err(Error::WholeResource { place, name: reference.root.clone() }),
        Some(Named::Pulumi) | None => {
            Err(Error::UnknownReference { place, reference: reference.to_string() })
        }
    }
}

fn check_resource(program: &Program, reference: &Reference) -> Result<(), Error> {
    match program.named(&reference.root) {
        Some(Named::Resource(_)) => Ok(()),
        _ => Err(Error::NoResource { place: reference.place.clone() }),
    }
}

/// The resources, each after what it needs, otherwise as in the file.
pub(crate) fn order(program: &Program) -> Result<Vec<String>, Error> {
    let mut walk = Walk { program, way: Vec::new(), done: Vec::new() };
    for resource in &program.resources {
        walk.visit(&resource.name)?;
    }
    let is_resource = |name: &&str| matches!(program.named(name), Some(Named::Resource(_)));
    Ok(walk.done.into_iter().filter(is_resource).map(str::to_owned).collect())
}

/// The resources that a resource needs, directly or through variables, as in the file.
pub(crate) fn dependencies(program: &Program, resource: &Declaration) -> Vec<String> {
    let mut found = vec![false; program.resources.len()];
    let mut names: Vec<&str> = resource.references().roots().collect();
    let mut seen: Vec<&str> = Vec::new();
    while let Some(name) = names.pop() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        match program.named(name) {
            Some(Named::Resource(index)) => found[index] = true,
            Some(Named::Variable(value)) => names.extend(value.references().roots()),
            _ => {}
        }
    }
    let needed = program.resources.iter().zip(found).filter(|(_, found)| *found);
    needed.map(|(resource, _)| resource.name.clone()).collect()
}

/// A walk from what needs to what is needed.
struct Walk<'a> {
    program: &'a Program,
    /// From where it began to where it is.
    way: Vec<&'a str>,
    done: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a str) -> Result<(), Error> {
        if self.done.contains(&name) {
            return Ok(());
        }
        if let Some(start) = self.way.iter().position(|passed| *passed == name) {
            let path = self.way[start..].iter().chain([&name]).map(|&name| name.to_owned()).collect();
            return Err(Error::Cycle { path });
        }
        self.way.push(name);
        let program: &'a Program = self.program;
        let references = match program.named(name) {
            Some(Named::Resource(index)) => program.resources[index].references(),
            Some(Named::Variable(value)) => value.references(),
            Some(Named::Pulumi | Named::Config(_)) | None => References::default(),
        };
        references.roots().try_for_each(|root| self.visit(root))?;
        self.way.pop();
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
    fn a_resource_comes_after_what_it_needs_and_otherwise_where_the_file_has_it() {
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
    fn a_cycle_is_refused_with_everything_on_its_way() {
        let text = "
variables: {v: '${b.id}'}
resources:
  x: {type: 't:m:T', properties: {p: '${a.id}'}}
  a: {type: 't:m:T', properties: {p: '${v}'}}
  b: {type: 't:m:T', options: {dependsOn: ['${a}']}}
";
        let error = order(&program(text).expect("a program")).expect_err("a cycle").to_string();
        assert!(error.contains("a needs itself: a -> v -> b -> a;"), "{error}");
    }

    #[test]
    fn a_reference_to_nothing_is_refused_with_its_place() {
        let cases = [
            ("outputs: {a: ['${none.id}']}", "outputs.a[0]: ${none.id} names no resource"),
            ("outputs: {a: '${pulumi.name}'}", "outputs.a: ${pulumi.name} names no"),
            ("outputs: {a: '${pulumi}'}", "outputs.a: ${pulumi} names no"),
            (
                "resources: {r: {type: 't:m:T', properties: {p: {q: 'x${none}'}}}}",
                "resources.r.properties.p.q: ${none}",
            ),
            ("resources: {r: {type: 't:m:T'}}\noutputs: {a: '${r}'}", "outputs.a: ${r} is a whole resource"),
            (
                "resources: {r: {type: 't:m:T'}}\noutputs: {a: '${r[0]}'}",
                "outputs.a: ${r} is a whole resource",
            ),
            (
                "variables: {v: 1}\nresources: {r: {type: 't:m:T', options: {parent: '${v}'}}}",
                "options.parent must name",
            ),
            (
                "resources: {r: {type: 't:m:T', options: {dependsOn: ['${none}']}}}",
                "options.dependsOn[0] must name",
            ),
        ];
        for (text, problem) in cases {
            let error = program(text).expect_err(problem);
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn two_things_of_the_same_name_are_refused() {
        let error = program("config: {a: 1}\nresources: {a: {type: 't:m:T'}}").expect_err("the same name");
        assert!(error.contains("resources.a: there is already a config key of this name"), "{error}");
        let error = program("variables: {pulumi: 1}").expect_err("a reserved name");
        assert!(error.contains("variables.pulumi: there is already a variable of Pulumi's own"), "{error}");
    }

    #[test]
    fn a_config_key_may_be_named_with_the_project_before_it() {
        let program = program("config: {a: 1}\noutputs: {b: '${p:a}'}").expect("a program");
        assert_eq!(program.named("p:a"), Some(Named::Config("a")));
        assert_eq!(program.named("q:a"), None);
    }
}
