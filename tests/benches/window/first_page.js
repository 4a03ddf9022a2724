// How long it takes from leaving another screen until every picture in sight of the gallery is painted.
const answer = arguments[arguments.length - 1];
location.hash = "#/settings";
const begin = () => {
  const began = performance.now();
  location.hash = "#/gallery";
  const look = () => {
    const pictures = [...document.querySelectorAll("[role=listbox] [role=option] img")];
    const inSight = pictures.filter((picture) => picture.getBoundingClientRect().top < innerHeight);
    const isThere = inSight.length > 0 && inSight.every((picture) => picture.complete && picture.naturalWidth > 0);
    if (isThere) answer(performance.now() - began);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
};
setTimeout(begin, 500);
