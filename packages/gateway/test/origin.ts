/** Origin of the pages in the tests. */
export const ORIGIN = "https://app.example.org";
