//! `weir config`: every setting as it is in force.

use crate::{Exit, layers, output::say};

/// Settings that are never printed, or in which only the password is masked.
const SECRET: &[&str] = &["kafka-property"];

pub(super) fn run() -> Result<(), Exit> {
    for (name, values, source) in layers::sources()? {
        let shown: Vec<String> = values.iter().map(|v| shown(&name, v)).collect();
        say!("{name} = {:<50} # {source}", toml_value(&shown));
    }
    Ok(())
}

fn toml_value(values: &[String]) -> String {
    match values {
        [] => "\"\"".to_owned(),
        [one] if one.parse::<i64>().is_ok() || one == "true" || one == "false" => one.clone(),
        [one] => format!("{one:?}"),
        many => format!("{many:?}"),
    }
}

fn shown(name: &str, value: &str) -> String {
    if SECRET.contains(&name) {
        return value.split_once('=').map_or_else(|| "***".to_owned(), |(name, _)| format!("{name}=***"));
    }
    if name != "database-url" {
        return value.to_owned();
    }
    // postgresql://user:password@host, or password=… among the parameters.
    let masked = match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let user = value[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}://{user}:***{}", &value[..scheme], &value[at..])
        }
        (None, _) => "***".to_owned(),
        _ => value.to_owned(),
    };
    if masked.contains("password=") { "***".to_owned() } else { masked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_printed() {
        assert_eq!(shown("database-url", "postgresql://u:p%40x@h:5/d?sslmode=require"), "postgresql://u:***@h:5/d?sslmode=require");
        assert_eq!(shown("database-url", "host=h user=u password=p"), "***");
        assert_eq!(shown("database-url", "postgresql://h/d?user=u&password=p"), "***");
        assert_eq!(shown("kafka-property", "sasl.password=p"), "sasl.password=***");
        assert_eq!(shown("port", "3000"), "3000");
    }
}
