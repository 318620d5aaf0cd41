/** Calendar date and time of day, without a time zone. */
export interface CivilTime {
  readonly year: number;
  /** Month, 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

/** Time given in `expiry-time=`, in UTC or in the server's local time. */
export interface ExpiryTime extends CivilTime {
  readonly utc: boolean;
}

/** Parses `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`; a final `Z` means UTC (ssh-keygen(1), sshd(8)). `undefined` if invalid. */
export function parseExpiryTime(text: string): ExpiryTime | undefined {
  const [, date, clock = "", zone] = /^(\d{8})((?:\d{4}|\d{6})?)(Z|UTC)?$/i.exec(text) ?? [];
  if (date === undefined) return undefined;
  const time: ExpiryTime = {
    year: Number(date.slice(0, 4)),
    month: Number(date.slice(4, 6)),
    day: Number(date.slice(6)),
    hour: Number(clock.slice(0, 2)),
    minute: Number(clock.slice(2, 4)),
    second: Number(clock.slice(4)),
    utc: zone !== undefined,
  };
  const { year, month, day, hour, minute, second } = time;
  const exists =
    year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) && hour <= 23 && minute <= 59;
  return exists && second <= 59 ? time : undefined;
}

/** Converts a time in UTC to milliseconds since 1970-01-01 UTC. */
export function utcTime({ year, month, day, hour, minute, second }: CivilTime): number {
  let days = day - 1;
  for (let earlier = 1; earlier < month; earlier++) days += daysIn(year, earlier);
  const years = year - 1;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400) - LEAP_DAYS_BEFORE_1970;
  days += 365 * (year - 1970) + leapDays;
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000;
}

const LEAP_DAYS_BEFORE_1970 = 477;

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}
