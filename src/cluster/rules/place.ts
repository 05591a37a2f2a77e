/** An address and port that a rewrite gives. */
export interface Place {
  readonly ip: string;
  readonly port: number;
}
