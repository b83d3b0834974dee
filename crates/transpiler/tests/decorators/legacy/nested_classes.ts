const seen: any[] = []; const d = (n: string): any => (...a: any[]) => { seen.push(n) };
@d("O") class O { @d("m") m() { @d("I") class I { @d("x") x = 1; n(@d("p") a: any) {} } return new I().x } static make = () => { @d("L") class L { @d("y") y = 2 } return new L().y } }
export function main() { return [new O().m(), O.make(), seen] }
// returns [1,2,["m","O","x","p","I","y","L"]]