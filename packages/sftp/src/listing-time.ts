const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Half a year in seconds. */
const HALF_YEAR = (365 / 2) * 24 * 60 * 60;

/** Fields of a time, in the time zone of the caller's choice. */
export interface CalendarTime {
  /** Full year, such as 2026. */
  readonly year: number;
  /** Month from 0 to 11, as in `Date`. */
  readonly month: number;
  /** Day of the month from 1. */
  readonly day: number;
  /** Hours since midnight. */
  readonly hours: number;
  /** Minutes of the hour. */
  readonly minutes: number;
}

/**
 * Returns a time as `ls -l` prints it, twelve characters such as `Jun 14 12:00`. `age` is in seconds; a time half a year old or in the
 * future is shown with its year, such as `Jun 14  2025`, as in OpenSSH.
 */
export function listingTime({ year, month, day, hours, minutes }: CalendarTime, age: number): string {
  const date = `${MONTHS[month]} ${`${day}`.padStart(2)}`;
  return age >= 0 && age < HALF_YEAR ? `${date} ${two(hours)}:${two(minutes)}` : `${date}  ${year}`;
}

function two(value: number): string {
  return `${value}`.padStart(2, "0");
}
