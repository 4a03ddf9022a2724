// Whether every picture is there, nothing stands in for what is being fetched, and no animation will end.
const pictures = [...document.images].filter((image) => image.loading !== "lazy" && image.src);
const endless = (animation) => animation.effect?.getComputedTiming().iterations === Infinity;
return pictures.every((image) => image.complete) && document.getAnimations().every(endless) && document.querySelector("[aria-busy=true], .animate-pulse") === null;
