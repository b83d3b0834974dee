const r = new WeakRef({}); const f = new FinalizationRegistry(() => {}); f.register({}, 1); await new Promise((d) => setTimeout(d, 1)); console.log(typeof r.deref())
