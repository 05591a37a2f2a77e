/** The cost of the precise set alone, for a guest, which has no other part of the benches: `bench` there. */
import { measurePreciseCost } from './node-cost.ts';
import { printCosts, printMachine } from './print.ts';

printMachine();
printCosts('connections', await measurePreciseCost());
