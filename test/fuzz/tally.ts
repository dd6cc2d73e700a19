/** One algorithm on one instruction set. */
export interface Row {
  isa: string;
  algorithm: string;
  /** Layers that it computed, or planned where they were too large to be computed. */
  served: number;
  values: number;
  /** Layers whose outputs differed in their last bits, as transforms and curved activations may. */
  rounded: number;
  refused: number;
}

/** Counts by instruction set and algorithm, and refusals by code. */
export class Tally {
  readonly rows = new Map<string, Row>();
  readonly codes = new Map<string, number>();

  served(isa: string, algorithm: string, values: number, equal: boolean): void {
    const row = this.#row(isa, algorithm);
    row.served++;
    row.values += values;
    if (!equal) row.rounded++;
  }

  refused(isa: string, algorithm: string, code: string): void {
    this.#row(isa, algorithm).refused++;
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }

  #row(isa: string, algorithm: string): Row {
    const key = `${isa} ${algorithm}`;
    let row = this.rows.get(key);
    if (row === undefined) {
      row = { isa, algorithm, served: 0, values: 0, rounded: 0, refused: 0 };
      this.rows.set(key, row);
    }
    return row;
  }
}
