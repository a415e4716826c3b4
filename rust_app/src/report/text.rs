//! Formatting and strings.

use super::Outcome;

pub fn integers() -> Outcome {
    Ok(format!("{} {:#x} {:#o} {:#b} {:+} {} {}", 42, 255, 8, 5, 7, i64::MIN, u128::MAX))
}

pub fn floats() -> Outcome {
    // 0.1 + 0.2 shows that the shortest text that reads back as the same number is printed.
    Ok(format!(
        "{} {} {:.3} {:e} {} {} {:?}",
        1.5,
        0.1 + 0.2,
        2.0_f64.sqrt(),
        1_234_500.0,
        f64::NAN,
        -f64::INFINITY,
        -0.0
    ))
}

pub fn debug() -> Outcome {
    /// Not read but by its derived `Debug`.
    #[derive(Debug)]
    #[expect(dead_code, reason = "the derived Debug is what is shown")]
    struct Point {
        x: i32,
        y: Option<&'static str>,
    }
    Ok(format!("{:?} {:?} {:?}", Point { x: -1, y: Some("a\"b") }, ['\n', 'é'], (1..3, [0u8; 2])))
}

pub fn width() -> Outcome {
    let (width, precision) = (8, 2);
    Ok(format!("[{:5}] [{:<5}] [{:^5}] [{:*>5}] [{:05}] [{:width$.precision$}]", 42, 42, 42, 42, -42, 1.005))
}

pub fn string() -> Outcome {
    let mut text = String::from("Grüße");
    let sizes = (text.chars().count(), text.len());
    text.push_str(", seL4");
    let words: Vec<&str> = text.split(", ").collect();
    let number: i32 = " -17 ".trim().parse()?;
    Ok(format!("{sizes:?} {} {} {} {number}", text.to_uppercase(), words.join("|"), text.replace("ü", "ue")))
}
