console.log(process.memoryUsage().rss > 0, process.cpuUsage().user >= 0, process.resourceUsage().maxRSS > 0, process.hrtime.bigint() > 0n, process.getActiveResourcesInfo())
