//! Dates: what day, month, year and so on a number of seconds since 1970 falls on, in UTC.

/// A part of a date.
pub(crate) type Part = fn(&Date) -> i64;

/// A moment, split into its civil parts.
///
/// Source: Howard Hinnant's `civil_from_days`, which holds for all days of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    days: i64,
    second_of_day: i64,
    year: i64,
    month: i64,
    day: i64,
}

/// The earliest second that the original's calendar knows; those before count from the end of its 64 bits.
const FIRST_SECOND: i128 = -9_223_372_028_715_321_600;

impl Date {
    /// From a float as queries have it. What is no 64-bit number of seconds stands for the smallest, as the
    /// original's machine code has it.
    pub(crate) fn from_float(seconds: f64) -> Self {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        let fits = (-LIMIT..LIMIT).contains(&seconds);
        Self::from_seconds(if fits { seconds as i64 } else { i64::MIN })
    }

    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let seconds = i128::from(seconds);
        let seconds = if seconds < FIRST_SECOND { seconds + (1 << 64) } else { seconds };
        let days = seconds.div_euclid(86_400) as i64;
        // Days since 0000-03-01, in eras of 400 years.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { days, second_of_day: seconds.rem_euclid(86_400) as i64, year, month, day }
    }

    fn is_leap_year(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }
}

pub(crate) fn year(date: &Date) -> i64 {
    date.year
}

pub(crate) fn month(date: &Date) -> i64 {
    date.month
}

pub(crate) fn day_of_month(date: &Date) -> i64 {
    date.day
}

/// Sunday is 0.
pub(crate) fn day_of_week(date: &Date) -> i64 {
    (date.days + 4).rem_euclid(7)
}

/// The first of January is 1.
pub(crate) fn day_of_year(date: &Date) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[(date.month - 1) as usize] + date.day + i64::from(date.month > 2 && date.is_leap_year())
}

pub(crate) fn days_in_month(date: &Date) -> i64 {
    match date.month {
        2 => 28 + i64::from(date.is_leap_year()),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(crate) fn hour(date: &Date) -> i64 {
    date.second_of_day / 3600
}

pub(crate) fn minute(date: &Date) -> i64 {
    date.second_of_day / 60 % 60
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(seconds: i64) -> [i64; 8] {
        let d = Date::from_seconds(seconds);
        [year, month, day_of_month, hour, minute, day_of_week, day_of_year, days_in_month]
            .map(|part| part(&d))
    }

    #[test]
    fn what_is_no_number_of_seconds_has_a_date_too() {
        let nan = Date::from_float(f64::NAN);
        assert_eq!((minute(&nan), day_of_week(&nan)), (30, 0));
        assert_eq!(Date::from_float(1e300), nan);
        assert_eq!(Date::from_float(86_400.5), Date::from_seconds(86_400));
    }

    #[test]
    fn known_dates() {
        assert_eq!(parts(0), [1970, 1, 1, 0, 0, 4, 1, 31]);
        assert_eq!(parts(1_709_210_096), [2024, 2, 29, 12, 34, 4, 60, 29]);
        assert_eq!(parts(-1), [1969, 12, 31, 23, 59, 3, 365, 31]);
        assert_eq!(parts(4_107_542_400), [2100, 3, 1, 0, 0, 1, 60, 31]);
    }
}
