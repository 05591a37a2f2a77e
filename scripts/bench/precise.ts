/** The cost of the precise set alone, for a guest, which has no other part of the benches: `bench` there. */
import { measurePreciseCost } from './node-cost.ts';
import { printCost, printMachine } from './print.ts';

printMachine();
for (const cost of await measurePreciseCost()) printCost('connections', cost);
