/// Timers as the models take them, so that a test can pass ones that it moves on by itself.

export type Cancel = () => void;

export interface Timers {
  after(ms: number, then: () => void): Cancel;
  every(ms: number, then: () => void): Cancel;
}

export const timers: Timers = {
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
  every: (ms, then) => {
    const timer = setInterval(then, ms);
    return () => clearInterval(timer);
  },
};
