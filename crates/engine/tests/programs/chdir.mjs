process.chdir('/tmp'); console.log(process.cwd()); try { process.chdir('/none') } catch (e) { console.log(e.code) }
