const c = new AbortController(); c.signal.addEventListener('abort', () => console.log(c.signal.reason.name)); c.abort(); console.log(AbortSignal.timeout(1).aborted)
