const d = await crypto.subtle.digest('SHA-256', new TextEncoder().encode('x')); console.log(Buffer.from(d).toString('hex').slice(0, 8), crypto.getRandomValues(new Uint8Array(4)).length)
