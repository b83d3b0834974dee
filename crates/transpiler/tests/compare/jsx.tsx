// JSX.

// ---- a factory of one's own
/** @jsxRuntime classic */
/** @jsx h */
/** @jsxFrag Fragment */
const Fragment = "fragment";
const h = (type: any, props: any, ...children: any[]): any => ({ type: typeof type === "function" ? type.name : type, props, children });
const Item = (p: any) => p;
export const main = () => [<a href="x" {...{ b: 1 }} c>text {1 + 1}{" "}{null}</a>, <Item key="k" v={<b />} />, <><i />{[1, 2].map((n) => <u>{n}</u>)}</>, <svg:rect a-b="1" />, <Item.Deep x={`t`} />, <p>
	lines are
	joined  here &amp; &lt;there&gt; &#65; &nbsp;
</p>, <x>{/* comment */}</x>, <y a='q"q' b={"b"}>{...[1, 2]}</y>];

// ---- elements as plain objects
export const main = () => <a href="x">text</a>;

// ---- generic arrows and comparisons in a file with JSX
const id = <T,>(x: T) => x, two = <T extends unknown>(x: T) => [x];
export const main = () => [id(1), two<number>(2), 1 < 2, id<string>("s") > ("r" as string)];

// ---- fragments and keys as plain objects
export const main = () => { const f = <><b key="1">x</b></> as any; return [typeof f.type, f.props, f.key ?? null] };
