/** How the records of a run differ from their model, each kind of difference once. */
export type Violation = {
  readonly model: string;
  /** As in JavaScript, with `[]` for any member of a list; empty for the record itself. */
  readonly path: string;
  readonly message: string;
  readonly records: number;
  readonly exampleId: string;
};
