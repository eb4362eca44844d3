// Chance by a seed: the same seed, the same requests.
import fc from 'fast-check';

export class Chance {
    constructor(seed) {
        this.state = seed >>> 0;
    }

    // Mulberry32.
    next() {
        this.state = (this.state + 0x6d2b79f5) >>> 0;
        let t = this.state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return (t ^ (t >>> 14)) >>> 0;
    }
    below(n) {
        return this.next() % n;
    }
    between(low, high) {
        return low + (this.next() / 2 ** 32) * (high - low + 1) | 0;
    }
    often(percent) {
        return this.below(100) < percent;
    }
    pick(list) {
        return list[this.below(list.length)];
    }
    some(list, percent) {
        return list.filter(() => this.often(percent));
    }
    sample(arbitrary) {
        return fc.sample(arbitrary, {seed: this.next() | 0, numRuns: 1})[0];
    }
}
