// Where a hand would click for an element, brought into sight: the driver itself gives up on what a list has scrolled half away.
const [element] = arguments;
const isHidden = element.matches("[type=radio], [type=checkbox]");
const hand = (isHidden && element.labels[0]) || element;
hand.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
return hand;
